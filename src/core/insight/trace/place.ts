/** Who may be named in a question: containers with their addresses, by network. */
import { hostAddress } from '../../address/prefix.ts';
import type { Records } from '../../engine/records.ts';
import type { Namespace } from '../../plan/object.ts';

export interface TracePlace {
  readonly name: string;
  /** Its id and the names that its networks know it by. */
  readonly aliases: readonly string[];
  readonly namespace: Namespace;
  /** Without their lengths. */
  readonly addresses: readonly { readonly network: string; readonly address: string }[];
}

/** The running containers of the records. */
export function placesOf(records: Records): TracePlace[] {
  return [...records.sandbox.values()].flatMap((sandbox): TracePlace[] => {
    const container = records.container.get(sandbox.containerId);
    if (!container) return [];
    const endpoints = records.endpoint.where('sandbox', sandbox.id);
    const networkName = (id: string) => records.network.get(id)?.name ?? id;
    const aliases = [container.id, container.id.slice(0, 12), ...endpoints.flatMap((endpoint) => endpoint.aliases)];
    return [
      {
        name: container.name,
        aliases,
        namespace: sandbox.host ? 'host' : sandbox.id,
        addresses: endpoints.flatMap(({ networkId, ipv4, ipv6 }) =>
          [ipv4, ipv6]
            .filter((text) => text !== '')
            .map((text) => ({ network: networkName(networkId), address: hostAddress(text) })),
        ),
      },
    ];
  });
}

/** By name, id, or the start of an id; `name.network` too. */
export function findPlace(places: readonly TracePlace[], word: string): TracePlace | undefined {
  const wanted = word.toLowerCase();
  return (
    places.find(({ name }) => name.toLowerCase() === wanted) ??
    places.find(({ aliases }) => aliases.includes(word)) ??
    places.find(({ name, addresses }) =>
      addresses.some(({ network }) => `${name}.${network}`.toLowerCase() === wanted),
    ) ??
    places.find(({ aliases }) => /^[\da-f]{4,}$/.test(word) && aliases.some((alias) => alias.startsWith(word)))
  );
}
