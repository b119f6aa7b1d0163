/** Firewall listings in which what is different by nature has the same name. */

/** nat and filter of an iptables-save, counters and comments left out, bridges named by their networks. */
export function normalised(save: string, networks: ReadonlyMap<string, string>): string[] {
  const lines: string[] = [];
  let table = '';
  for (const line of save.split('\n')) {
    if (line.startsWith('*')) table = line;
    if (table === '*raw' || !/^[*:-]/.test(line)) continue;
    lines.push(
      line.replace(/ \[\d+:\d+\]$/, '').replace(/br-[0-9a-f]{12}/g, (bridge) => `<${networks.get(bridge) ?? bridge}>`),
    );
  }
  return lines;
}
