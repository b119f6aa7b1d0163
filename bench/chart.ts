/** Bars for the README, as SVG: what we and dockerd take, and what we and dockerd carry. */
import { NAMES, rounded } from './report.ts';
import type { Peer, Sheet } from './sheet.ts';
import { summarise } from './statistics.ts';

export interface Chart {
  readonly file: string;
  readonly title: string;
  /** The measures that are shown, and their short names. */
  readonly shown: ReadonlyMap<string, string>;
}

export const CHARTS: readonly Chart[] = [
  {
    file: 'results.svg',
    title: 'What a change takes: shorter is better',
    shown: new Map([
      ['network create', 'create a network'],
      ['network remove', 'remove a network'],
      ['connect', 'connect a container'],
      ['disconnect', 'disconnect it'],
      ['create and start with 1 port', 'start a container, 1 port'],
      ['create and start with 100 ports', 'start a container, 100 ports'],
      ['remove with 100 ports', 'remove a container, 100 ports'],
      ['compose up, 20 services', 'compose up, 20 services'],
      ['start 100 containers at once', 'start 100 containers at once'],
      ['start with 100 networks and 500 endpoints', 'daemon start, 500 endpoints'],
      ['new connection, last of 5000 ports', 'connect to the last of 5,000 ports'],
    ]),
  },
  {
    file: 'traffic.svg',
    title: 'What is carried: longer is better',
    shown: new Map([
      ['throughput through a published port', 'through a published port'],
      ['throughput through the userland proxy', 'through the userland proxy'],
      ['throughput between containers', 'between containers'],
      ['look-ups, 32 at a time', 'look-ups of a name'],
    ]),
  },
];

const PEERS: readonly Peer[] = ['nftables', 'iptables', 'dockerd'];
const COLOURS: Readonly<Partial<Record<Peer, string>>> = {
  nftables: '#2f6fde',
  iptables: '#7aa7f0',
  dockerd: '#9a9a9a',
};
const WIDTH = 720;
const LEFT = 220;
const RIGHT = 90;
const BAR = 13;
const GAP = 12;
const TOP = 60;

/** Each measure has a scale of its own: the largest median fills the width. Undefined: nothing of it was measured. */
export function drawChart(sheet: Sheet, { title, shown }: Chart): string | undefined {
  const marks: string[] = [];
  let y = TOP;
  for (const [name, words] of shown) {
    const measure = sheet.find(name);
    if (!measure) continue;
    const bars = PEERS.flatMap((peer) => {
      const values = measure.values.get(peer);
      return values ? [{ peer, value: summarise(values).median }] : [];
    });
    const longest = Math.max(...bars.map(({ value }) => value));
    marks.push(text(LEFT - 10, y + (BAR * bars.length) / 2 + 4, words, 'end'));
    for (const { peer, value } of bars) {
      const width = Math.max(1, ((WIDTH - LEFT - RIGHT) * value) / longest);
      marks.push(rectangle(LEFT, y, width, BAR - 1, COLOURS[peer]!));
      marks.push(text(LEFT + width + 6, y + BAR - 3, `${rounded(value)} ${measure.unit}`, 'start', 10));
      y += BAR;
    }
    y += GAP;
  }
  if (marks.length === 0) return undefined;
  const legend = PEERS.flatMap((peer, index) => [
    rectangle(LEFT + index * 165, 34, 10, 10, COLOURS[peer]!),
    text(LEFT + index * 165 + 15, 43, NAMES[peer], 'start'),
  ]);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="12" fill="#808080">
<title>${title}</title>
${[text(10, 18, `${title}. Medians; each row has a scale of its own.`, 'start'), ...legend, ...marks].join('\n')}
</svg>
`;
}

const rectangle = (x: number, y: number, width: number, height: number, colour: string): string =>
  `<rect x="${x}" y="${y}" width="${width.toFixed(1)}" height="${height}" fill="${colour}"/>`;

const text = (x: number, y: number, words: string, anchor: 'start' | 'end', size = 12): string =>
  `<text x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}" font-size="${size}">${words}</text>`;
