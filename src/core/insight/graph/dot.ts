/** The picture as Graphviz has it. */
import type { Graph } from './graph.ts';
import { openPorts, ownPorts } from './tree.ts';

export function printDot({ uplinks, networks, containers, onHost, isolated }: Graph): string {
  const quote = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  // A line break is an escape of Graphviz's own.
  const label = (...parts: readonly string[]): string =>
    `"${parts.map((part) => quote(part).slice(1, -1)).join(String.raw`\n`)}"`;
  const lines = [
    'digraph passerelle {',
    '  rankdir=LR',
    '  node [shape=box, fontname="sans-serif"]',
    '  edge [dir=none, fontname="sans-serif"]',
  ];
  lines.push('  outside [shape=circle]');
  for (const { link, addresses } of uplinks) {
    lines.push(
      `  ${quote(`link ${link}`)} [label=${label(link, ...addresses)}]`,
      `  outside -> ${quote(`link ${link}`)}`,
    );
  }
  for (const { name, bridge, gateways, internal } of networks) {
    const id = quote(`network ${name}`);
    lines.push(
      `  ${id} [label=${label(name, bridge, ...gateways)}, shape=parallelogram${internal ? ', style=dashed' : ''}]`,
    );
    if (!internal) lines.push(...uplinks.map(({ link }) => `  ${quote(`link ${link}`)} -> ${id}`));
  }
  for (const { name, places } of containers) {
    const id = quote(`container ${name}`);
    lines.push(`  ${id} [label=${label(name, ...ownPorts(places))}, style=rounded]`);
    for (const place of places) {
      lines.push(`  ${quote(`network ${place.network}`)} -> ${id} [label=${label(place.address)}]`);
      lines.push(
        ...openPorts(place).map((port) => `  outside -> ${id} [label=${label(port)}, style=dotted, dir=forward]`),
      );
    }
  }
  for (const name of onHost)
    lines.push(`  ${quote(`container ${name}`)} [label=${label(name, 'host network')}, style=rounded]`);
  for (const name of isolated)
    lines.push(`  ${quote(`container ${name}`)} [label=${label(name, 'loopback only')}, style=rounded]`);
  return `${[...lines, '}'].join('\n')}\n`;
}
