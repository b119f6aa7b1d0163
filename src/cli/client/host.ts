/** Where the daemon listens. */

export type Host =
  | { readonly kind: 'unix'; readonly socketPath: string }
  | { readonly kind: 'tcp'; readonly hostname: string; readonly port: number };

export const DEFAULT_HOST = 'unix:///run/passerelle/passerelle.sock';

/** `unix:///run/x.sock` or `tcp://127.0.0.1:2375`. Throws RangeError with what to write instead. */
export function parseHost(address: string): Host {
  if (address.startsWith('unix://') && address.length > 'unix://'.length)
    return { kind: 'unix', socketPath: address.slice('unix://'.length) };
  const tcp = /^(?:tcp|http):\/\/(\[[0-9a-fA-F:.]+\]|[^:/[\]]+):(\d+)\/?$/.exec(address);
  if (tcp) return { kind: 'tcp', hostname: tcp[1]!.replace(/^\[|\]$/g, ''), port: Number(tcp[2]) };
  throw new RangeError(`unable to parse docker host \`${address}\`: it should be unix:///path or tcp://host:port`);
}

export function printHost(host: Host): string {
  return host.kind === 'unix' ? `unix://${host.socketPath}` : `tcp://${host.hostname}:${host.port}`;
}
