/** Choosing the host ports of an endpoint that is about to publish ports. */
import type { Version } from '../address/address.ts';
import type { PortBinding, PortProtocol } from './endpoint.ts';
import { EngineError } from './error.ts';
import type { RequestedPort } from './port.ts';

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The port that was given last, for each protocol, address and range: the next search begins
 * behind it, so that a port that was just released is the last to be given again. In memory only.
 */
export type PortCursor = Readonly<Record<string, number>>;

export interface BindingContext {
  /** Who asks: Docker's clients look for the sentence that names it. */
  readonly endpoint: { readonly id: string; readonly containerName: string };
  /** What other endpoints have bound. */
  readonly inUse: Iterable<PortBinding>;
  readonly ephemeral: PortRange;
  readonly cursor: PortCursor;
  /** The host's address when none was asked for; empty: all. */
  readonly hostBinding: string;
  /** Versions that reach the container: its own, and with the userland proxy those that the host has. */
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** Versions that the network is routed in: the port opens, but none of the host's leads to it. */
  readonly routed: readonly Version[];
}

export interface AllocatedBindings {
  readonly bindings: readonly PortBinding[];
  readonly cursor: PortCursor;
}

const ALL4 = '0.0.0.0';
const ALL6 = '::';

/** One or two bindings for each request, in order: one on `0.0.0.0` comes before its twin on `::`. */
export function allocateBindings(requested: readonly RequestedPort[], context: BindingContext): AllocatedBindings {
  const taken = new TakenPorts(context.inUse);
  const bindings: PortBinding[] = [];
  let { cursor } = context;
  for (const request of requested) {
    const addresses = hostAddresses(request, context);
    if (addresses.length === 0) continue;
    const published = addresses.filter((address) => !isRouted(address, context));
    const found = published.length > 0 ? findPort(request, published, taken, { ...context, cursor }) : undefined;
    cursor = found?.cursor ?? cursor;
    for (const address of addresses) {
      const { protocol, containerPort } = request;
      const binding: PortBinding = isRouted(address, context)
        ? { protocol, containerPort, hostAddress: address.includes(':') ? ALL6 : ALL4, hostPort: 0 }
        : { protocol, containerPort, hostAddress: address, hostPort: found!.port };
      if (binding.hostPort !== 0) taken.add(binding);
      bindings.push(binding);
    }
  }
  return { bindings, cursor };
}

function hostAddresses({ hostAddress }: RequestedPort, { hostBinding, ipv4, ipv6 }: BindingContext): readonly string[] {
  const asked = hostAddress || hostBinding;
  const addresses = asked ? [asked] : [ALL4, ALL6];
  return addresses.filter((address) => (address.includes(':') ? ipv6 : ipv4));
}

const isRouted = (address: string, { routed }: BindingContext): boolean =>
  routed.includes(address.includes(':') ? 6 : 4);

function findPort(
  { protocol, from, to }: RequestedPort,
  addresses: readonly string[],
  taken: TakenPorts,
  { endpoint, ephemeral, cursor }: BindingContext,
): { port: number; cursor: PortCursor } {
  const conflict = (port: number) => addresses.find((address) => taken.has(protocol, address, port));
  if (from !== 0 && from === to) {
    const address = conflict(from);
    if (address === undefined) return { port: from, cursor };
    throw refused(endpoint, `Bind for ${address}:${from} failed: port is already allocated`);
  }
  const range = from === 0 ? ephemeral : { from, to };
  const keys = addresses.map((address) => `${protocol} ${address} ${range.from}-${range.to}`);
  const size = range.to - range.from + 1;
  const start = (cursor[keys[0]!] ?? range.to) + 1 - range.from;
  for (let step = 0; step < size; step++) {
    const port = range.from + ((start + step) % size);
    if (conflict(port) !== undefined) continue;
    return { port, cursor: { ...cursor, ...Object.fromEntries(keys.map((key) => [key, port])) } };
  }
  throw refused(endpoint, `all ports are allocated (${range.from}-${range.to}/${protocol})`);
}

function refused({ id, containerName }: BindingContext['endpoint'], why: string): EngineError {
  return new EngineError(
    'internal',
    `driver failed programming external connectivity on endpoint ${containerName} (${id}): ${why}`,
  );
}

/** Bound ports, where all addresses of a version are in the way of each of them. */
class TakenPorts {
  readonly #addresses = new Map<string, string[]>();

  constructor(bindings: Iterable<PortBinding>) {
    for (const binding of bindings) this.add(binding);
  }

  add({ protocol, hostAddress, hostPort }: PortBinding): void {
    const key = `${hostPort}/${protocol}`;
    const addresses = this.#addresses.get(key);
    if (addresses) addresses.push(hostAddress);
    else this.#addresses.set(key, [hostAddress]);
  }

  has(protocol: PortProtocol, address: string, port: number): boolean {
    return this.#addresses.get(`${port}/${protocol}`)?.some((other) => collide(other, address)) ?? false;
  }
}

function collide(a: string, b: string): boolean {
  const all = a.includes(':') ? ALL6 : ALL4;
  return a.includes(':') === b.includes(':') && (a === b || a === all || b === all);
}
