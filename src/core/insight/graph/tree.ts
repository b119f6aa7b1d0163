/** The picture in a terminal. */
import { membersOf, type Graph, type GraphPlace } from './graph.ts';

interface Node {
  readonly text: string;
  readonly children: readonly Node[];
}

/** Box-drawing characters. Every line ends in a line feed. */
export function printTree(graph: Graph): string {
  const { uplinks, networks, onHost, isolated } = graph;
  const leaf = (text: string): Node => ({ text, children: [] });
  const root: Node = {
    text: 'host',
    children: [
      ...uplinks.map(({ link, addresses, via }) =>
        leaf([`${link} ↔ outside`, ...addresses, ...(via ? [`via ${via}`] : [])].join('  ')),
      ),
      ...networks.map(({ name, bridge, gateways, subnets, internal }) => ({
        text: [name, bridge, ...(gateways.length > 0 ? gateways : subnets), ...(internal ? ['internal'] : [])].join(
          '  ',
        ),
        children: membersOf(graph, name).map(({ name: container, place }) => ({
          text: `${container}  ${place.address}`,
          children: portLines(place).map(leaf),
        })),
      })),
      ...(onHost.length > 0 ? [{ text: "the host's own network", children: onHost.map(leaf) }] : []),
      ...(isolated.length > 0 ? [{ text: 'loopback only', children: isolated.map(leaf) }] : []),
    ],
  };
  return `${root.text}\n${root.children.map((child, index) => branch(child, '', index === root.children.length - 1)).join('')}`;
}

function branch({ text, children }: Node, margin: string, isLast: boolean): string {
  const inner = margin + (isLast ? '   ' : '│  ');
  const below = children.map((child, index) => branch(child, inner, index === children.length - 1));
  return `${margin}${isLast ? '└─ ' : '├─ '}${text}\n${below.join('')}`;
}

/** The doors that other machines find. */
export function openPorts({ ports, ...place }: GraphPlace): string[] {
  return portLines({ ...place, ports: ports.filter(({ host }) => !/^(127\.|\[::1\])/.test(host)) });
}

/** Those that only the host itself finds. */
export function ownPorts(places: readonly GraphPlace[]): string[] {
  return places.flatMap((place) => {
    const open = new Set(openPorts(place));
    return portLines(place).filter((line) => !open.has(line));
  });
}

/** `0.0.0.0` and `[::]` on the same port are one door. */
export function portLines({ ports }: GraphPlace): string[] {
  const lines = ports.map(({ host, container }) => `${host.replace(/^(0\.0\.0\.0|\[::\])/, '*')} → ${container}`);
  return [...new Set(lines)];
}
