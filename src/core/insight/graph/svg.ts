/** The picture as SVG: the outside at the left, then the uplinks, the bridges, and the containers with their ports. */
import type { Graph } from './graph.ts';
import { portLines } from './tree.ts';

const LINE = 18;
const PAD = 12;
const GAP = 18;
const MARGIN = 24;
const COLUMNS = { outside: 24, uplink: 150, network: 410, container: 700 } as const;
const WIDTHS = { outside: 86, uplink: 200, network: 230, container: 260 } as const;
const STYLE = `text{font:13px system-ui,sans-serif;fill:#1c2733}.name{font-weight:600}.dim{fill:#5b6875}.port{fill:#0b5d3b}
.card{stroke-width:1.5}.outside{fill:#eef1f4;stroke:#8a97a5}.uplink{fill:#e6f0fb;stroke:#3b7dc4}.network{fill:#fff4dc;stroke:#c58a1b}
.container{fill:#e9f7ef;stroke:#2f9561}.internal{stroke-dasharray:5 4}.wire{fill:none;stroke:#8a97a5;stroke-width:1.5}`;

type Column = keyof typeof COLUMNS;

interface Card {
  readonly column: Column;
  readonly y: number;
  readonly lines: readonly Line[];
  readonly internal: boolean;
}

interface Line {
  readonly text: string;
  readonly style: 'name' | 'dim' | 'port';
}

const heightOf = ({ lines }: Pick<Card, 'lines'>): number => lines.length * LINE + PAD * 2 - 6;

/** Cards below each other in one column. */
class Stack {
  readonly cards = new Map<string, Card>();
  readonly #column: Column;
  #y = MARGIN;

  constructor(column: Column) {
    this.#column = column;
  }

  add(key: string, lines: readonly Line[], { internal = false, least = 0 } = {}): void {
    this.#y = Math.max(this.#y, least);
    const card = { column: this.#column, y: this.#y, lines, internal };
    this.cards.set(key, card);
    this.#y += heightOf(card) + GAP;
  }

  get bottom(): number {
    return this.#y - GAP + MARGIN;
  }
}

export function printSvg({ uplinks, networks, containers, onHost, isolated }: Graph): string {
  const stacks = { uplink: new Stack('uplink'), network: new Stack('network'), container: new Stack('container') };
  // Networks stand beside the first of their containers, so that wires run short.
  for (const { name, bridge, gateways, subnets, internal } of networks) {
    const start = stacks.container.bottom - MARGIN + GAP;
    const lines = [
      name,
      [bridge, ...(internal ? ['internal'] : [])].join(' · '),
      ...(gateways.length > 0 ? gateways : subnets),
    ];
    stacks.network.add(name, styled(lines), { internal, least: Math.max(MARGIN, start) });
    for (const { name: container, places } of containers) {
      if (places[0]?.network !== name) continue;
      const addresses = places.map(({ address }) => address).join(', ');
      const ports = places.flatMap(portLines).map((text): Line => ({ text, style: 'port' }));
      const least = stacks.network.cards.get(name)!.y;
      stacks.container.add(container, [...styled([container, addresses]), ...ports], { least });
    }
  }
  for (const name of onHost) stacks.container.add(name, styled([name, "the host's own network"]));
  for (const name of isolated) stacks.container.add(name, styled([name, 'loopback only']));
  for (const { link, addresses, via } of uplinks) {
    stacks.uplink.add(link, styled([link, ...addresses, ...(via ? [`via ${via}`] : [])]));
  }
  const outside: Card = { column: 'outside', y: MARGIN, lines: styled(['outside']), internal: false };
  const height = Math.max(...Object.values(stacks).map(({ bottom }) => bottom), MARGIN * 2 + heightOf(outside));
  const width = COLUMNS.container + WIDTHS.container + MARGIN;

  const wires: string[] = [];
  for (const uplink of stacks.uplink.cards.values()) {
    wires.push(wire(outside, uplink));
    for (const network of stacks.network.cards.values()) if (!network.internal) wires.push(wire(uplink, network));
  }
  for (const { name, places } of containers) {
    for (const place of places) {
      const network = stacks.network.cards.get(place.network);
      const container = stacks.container.cards.get(name);
      if (network && container) wires.push(wire(network, container));
    }
  }
  const cards = [outside, ...Object.values(stacks).flatMap((stack) => [...stack.cards.values()])];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Networks of this host">
<style>${STYLE}</style>
<rect width="100%" height="100%" fill="#fff"/>
${[...wires, ...cards.map(draw)].join('\n')}
</svg>
`;
}

function styled([name = '', ...others]: readonly string[]): Line[] {
  return [{ text: name, style: 'name' }, ...others.map((text): Line => ({ text, style: 'dim' }))];
}

function wire(from: Card, to: Card): string {
  const [x1, x2] = [COLUMNS[from.column] + WIDTHS[from.column], COLUMNS[to.column]];
  const [y1, y2] = [from.y + heightOf(from) / 2, to.y + heightOf(to) / 2];
  const middle = (x1 + x2) / 2;
  return `<path class="wire" d="M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}"/>`;
}

function draw(card: Card): string {
  const { column, y, lines, internal } = card;
  const x = COLUMNS[column];
  const texts = lines.map(
    ({ text, style }, index) =>
      `<text class="${style}" x="${x + PAD}" y="${y + PAD + 11 + index * LINE}">${escape(fit(text, WIDTHS[column]))}</text>`,
  );
  const kind = `card ${column}${internal ? ' internal' : ''}`;
  return `<rect class="${kind}" x="${x}" y="${y}" width="${WIDTHS[column]}" height="${heightOf(card)}" rx="8"/>${texts.join('')}`;
}

/** About as many letters as go into the width: a name may be long. */
function fit(text: string, width: number): string {
  const room = Math.floor((width - PAD * 2) / 7);
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
