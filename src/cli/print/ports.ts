/** A container's ports on one line. */

export interface Port {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

interface Run {
  readonly port: Port;
  last: number;
}

/** `0.0.0.0:8000-8001->80-81/tcp, 443/tcp`: neighbours with the same address are one range. */
export function portsLine(ports: readonly Port[]): string {
  const runs: Run[] = [];
  const last = new Map<string, Run>();
  for (const port of ports.toSorted(byPlace)) {
    const key = `${port.IP ?? ''}/${port.Type}/${port.PublicPort === undefined ? '' : 'published'}`;
    const run = last.get(key);
    if (run && continues(run, port)) run.last = port.PrivatePort;
    else {
      const begun = { port, last: port.PrivatePort };
      last.set(key, begun);
      runs.push(begun);
    }
  }
  return runs.map(printRun).join(', ');
}

function continues({ port: first, last }: Run, port: Port): boolean {
  if (port.PrivatePort !== last + 1) return false;
  if (first.PublicPort === undefined) return true;
  return first.PublicPort - first.PrivatePort === port.PublicPort! - port.PrivatePort;
}

function printRun({ port, last }: Run): string {
  const count = last - port.PrivatePort;
  const range = (from: number): string => (count > 0 ? `${from}-${from + count}` : String(from));
  const inside = `${range(port.PrivatePort)}/${port.Type}`;
  if (port.PublicPort === undefined) return inside;
  const ip = port.IP?.includes(':') ? `[${port.IP}]` : (port.IP ?? '');
  return `${ip ? `${ip}:` : ''}${range(port.PublicPort)}->${inside}`;
}

function byPlace(a: Port, b: Port): number {
  if (a.PrivatePort !== b.PrivatePort) return a.PrivatePort - b.PrivatePort;
  if ((a.IP ?? '') !== (b.IP ?? '')) return (a.IP ?? '') < (b.IP ?? '') ? -1 : 1;
  if ((a.PublicPort ?? 0) !== (b.PublicPort ?? 0)) return (a.PublicPort ?? 0) - (b.PublicPort ?? 0);
  return a.Type < b.Type ? -1 : 1;
}
