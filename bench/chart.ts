/** Bars for the README, as SVG: how many times as fast as dockerd. */
import { NAMES, rounded } from './report.ts';
import type { Peer, Sheet } from './sheet.ts';
import { summarise } from './statistics.ts';

/** The measures that are shown, and their short names. */
const SHOWN: ReadonlyMap<string, string> = new Map([
  ['network create', 'create a network'],
  ['network remove', 'remove a network'],
  ['connect', 'connect a container'],
  ['disconnect', 'disconnect it'],
  ['create and start with 1 port', 'start a container, 1 port'],
  ['create and start with 100 ports', 'start a container, 100 ports'],
  ['remove with 100 ports', 'remove a container, 100 ports'],
  ['compose up, 20 services', 'compose up, 20 services'],
  ['start with 100 networks and 500 endpoints', 'daemon start, 500 endpoints'],
]);

const PEERS: readonly Peer[] = ['nftables', 'iptables', 'dockerd'];
const COLOURS: Readonly<Partial<Record<Peer, string>>> = {
  nftables: '#2f6fde',
  iptables: '#7aa7f0',
  dockerd: '#9a9a9a',
};
const WIDTH = 720;
const LEFT = 210;
const RIGHT = 90;
const BAR = 11;
const GAP = 14;
const TOP = 40;

/** Each measure has a scale of its own: the slowest engine's median fills the width. */
export function drawChart(sheet: Sheet): string {
  const marks: string[] = [];
  let y = TOP;
  for (const [name, words] of SHOWN) {
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
      marks.push(text(LEFT + width + 6, y + BAR - 2, `${rounded(value)} ${measure.unit}`, 'start', 10));
      y += BAR;
    }
    y += GAP;
  }
  const legend = PEERS.flatMap((peer, index) => [
    rectangle(LEFT + index * 165, 14, 10, 10, COLOURS[peer]!),
    text(LEFT + index * 165 + 15, 23, NAMES[peer], 'start'),
  ]);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="12" fill="#808080">
<title>Medians, shorter is better</title>
${[...legend, ...marks].join('\n')}
</svg>
`;
}

const rectangle = (x: number, y: number, width: number, height: number, colour: string): string =>
  `<rect x="${x}" y="${y}" width="${width.toFixed(1)}" height="${height}" fill="${colour}"/>`;

const text = (x: number, y: number, words: string, anchor: 'start' | 'end', size = 12): string =>
  `<text x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}" font-size="${size}">${words}</text>`;
