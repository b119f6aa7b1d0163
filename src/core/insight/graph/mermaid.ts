/** The picture as Mermaid, which GitHub and others draw in Markdown. */
import type { Graph } from './graph.ts';
import { openPorts, ownPorts } from './tree.ts';

export function printMermaid({ uplinks, networks, containers, onHost, isolated }: Graph): string {
  const lines = ['flowchart LR'];
  const label = (...parts: readonly string[]): string => `"${parts.join('<br/>').replaceAll('"', '#quot;')}"`;
  const networkId = (name: string): string => `n${networks.findIndex((network) => network.name === name)}`;
  lines.push('  outside((outside))');
  for (const [index, { link, addresses }] of uplinks.entries()) {
    lines.push(`  u${index}[${label(link, ...addresses)}]`, `  outside --- u${index}`);
  }
  for (const { name, bridge, gateways, internal } of networks) {
    const id = networkId(name);
    lines.push(`  ${id}[/${label(name, bridge, ...gateways)}/]`);
    if (internal) lines.push(`  style ${id} stroke-dasharray: 4`);
    else lines.push(...uplinks.map((_, index) => `  u${index} --- ${id}`));
  }
  for (const [index, { name, places }] of containers.entries()) {
    lines.push(`  c${index}([${label(name, ...ownPorts(places))}])`);
    for (const place of places) {
      lines.push(`  ${networkId(place.network)} -- ${label(place.address)} --- c${index}`);
      lines.push(...openPorts(place).map((port) => `  outside -. ${label(port)} .-> c${index}`));
    }
  }
  for (const [index, name] of onHost.entries()) lines.push(`  h${index}([${label(name, 'host network')}])`);
  for (const [index, name] of isolated.entries()) lines.push(`  i${index}([${label(name, 'loopback only')}])`);
  return `${lines.join('\n')}\n`;
}
