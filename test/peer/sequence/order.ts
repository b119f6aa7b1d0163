/** What dockerd does in an order of chance, put into one order: it goes through maps, and through random ids. */

/**
 * One container's networks as they are joined or left, the networks that a prune removes, and the waking
 * of a paused container, which dockerd is told of while it kills.
 */
export function eventsInOrder(events: readonly string[]): string[] {
  return sortRuns(events, (line) => {
    const [, action, container] = /^network (connect|disconnect) .*"container":"([^"]+)"/.exec(line) ?? [];
    if (action) return `${action} ${container}`;
    if (line.startsWith('network destroy ')) return 'destroy';
    const [, woken, killed = woken] = /^container (?:unpause (\S+) |kill (\S+) .*"signal":"9")/.exec(line) ?? [];
    return killed && `end ${killed}`;
  });
}

/** The lines of one name, which a container has for each of its networks. */
export function hostsInOrder(lines: readonly string[]): string[] {
  return sortRuns(lines, (line) => line.split('\t')[1]);
}

/** Sorts neighbours of one kind. */
function sortRuns(lines: readonly string[], kindOf: (line: string) => string | undefined): string[] {
  const runs: { readonly kind: string | undefined; readonly lines: string[] }[] = [];
  for (const line of lines) {
    const kind = kindOf(line);
    const last = runs.at(-1);
    if (kind !== undefined && last?.kind === kind) last.lines.push(line);
    else runs.push({ kind, lines: [line] });
  }
  return runs.flatMap((run) => run.lines.sort());
}
