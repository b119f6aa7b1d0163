/** A container's ports on one line. */

export interface Port {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

/**
 * `0.0.0.0:80-81->80-81/tcp, 443/tcp, 0.0.0.0:8080->80/tcp`: neighbours with the same number on
 * both sides are one range; what has another number outside stands by itself, and last. What is open
 * without a port of the host is as if it were exposed only.
 */
export function portsLine(ports: readonly Port[]): string {
  const open = new Map<string, { readonly first: number; last: number }>();
  const ranges: string[] = [];
  const mappings: string[] = [];
  for (const port of ports.toSorted(byPlace)) {
    const { PrivatePort: inside, PublicPort: outside = 0, Type: protocol } = port;
    const ip = outside === 0 ? '' : (port.IP ?? '');
    if (ip !== '' && outside !== inside) {
      mappings.push(`${place(ip, String(outside))}->${inside}/${protocol}`);
      continue;
    }
    const key = `${ip}/${protocol}`;
    const range = open.get(key);
    if (range?.last === inside) continue;
    if (range?.last === inside - 1) {
      range.last = inside;
      continue;
    }
    if (range) ranges.push(printRange(key, range));
    open.set(key, { first: inside, last: inside });
  }
  return [...ranges, ...[...open].map(([key, range]) => printRange(key, range)), ...mappings].join(', ');
}

function printRange(key: string, { first, last }: { readonly first: number; readonly last: number }): string {
  const [ip = '', protocol = ''] = key.split('/');
  const range = first === last ? String(first) : `${first}-${last}`;
  return `${ip === '' ? '' : `${place(ip, range)}->`}${range}/${protocol}`;
}

function place(ip: string, port: string): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function byPlace(a: Port, b: Port): number {
  if (a.PrivatePort !== b.PrivatePort) return a.PrivatePort - b.PrivatePort;
  if ((a.IP ?? '') !== (b.IP ?? '')) return (a.IP ?? '') < (b.IP ?? '') ? -1 : 1;
  if ((a.PublicPort ?? 0) !== (b.PublicPort ?? 0)) return (a.PublicPort ?? 0) - (b.PublicPort ?? 0);
  return a.Type < b.Type ? -1 : 1;
}
