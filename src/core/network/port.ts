/** Which ports a container asks to have published: from the API's words to values, in Docker's order. */
import { parseAddress, printAddress } from '../address/address.ts';
import type { HostPort } from '../container/config.ts';
import type { PortProtocol } from './endpoint.ts';
import { EngineError } from './error.ts';

/** A host port for a container's port. */
export interface RequestedPort {
  readonly protocol: PortProtocol;
  readonly containerPort: number;
  /** One address of the host, `0.0.0.0` or `::` for all of one version; empty: the network's default. */
  readonly hostAddress: string;
  /** Any free one of these; both 0: any free ephemeral port. */
  readonly from: number;
  readonly to: number;
}

export interface ContainerPort {
  readonly protocol: PortProtocol;
  readonly port: number;
}

const PROTOCOLS: readonly string[] = ['tcp', 'udp', 'sctp'] satisfies PortProtocol[];
const LARGEST_PORT = 65_535;

/**
 * The bindings that are asked for, in the order in which Docker makes them: the port with the
 * highest host port first, then the highest container port, then tcp; of one tcp port the last
 * named first, of others the highest host port first. `exposed` matters for `publishAll` only.
 */
export function requestedPorts(
  exposed: Readonly<Record<string, unknown>>,
  bindings: Readonly<Record<string, readonly HostPort[] | null>>,
  publishAll: boolean,
): readonly RequestedPort[] {
  const requests = new Map<string, { port: ContainerPort; bindings: RequestedPort[] }>();
  const add = (port: ContainerPort, wanted: readonly RequestedPort[]) => {
    const key = `${port.port}/${port.protocol}`;
    const entry = requests.get(key) ?? { port, bindings: [] };
    requests.set(key, entry);
    entry.bindings.push(...wanted);
  };
  for (const key of Object.keys(exposed)) for (const port of parseContainerPorts(key)) add(port, []);
  for (const [key, wanted] of Object.entries(bindings)) {
    const [port, ...others] = parseContainerPorts(key);
    if (!port || others.length > 0) throw badPort(key.split('/', 1)[0]!);
    add(
      port,
      (wanted ?? []).map((binding) => parseBinding(port, binding)),
    );
  }
  return [...requests.values()]
    .map(({ port, bindings }) => ({
      port,
      bindings: inOrder(port, bindings.length > 0 || !publishAll ? bindings : [ephemeral(port)]),
    }))
    .sort(
      (a, b) => highest(b.bindings) - highest(a.bindings) || b.port.port - a.port.port || byProtocol(a.port, b.port),
    )
    .flatMap(({ bindings }) => bindings);
}

const ephemeral = ({ protocol, port }: ContainerPort): RequestedPort => ({
  protocol,
  containerPort: port,
  hostAddress: '',
  from: 0,
  to: 0,
});

function inOrder({ protocol }: ContainerPort, bindings: readonly RequestedPort[]): readonly RequestedPort[] {
  return protocol === 'tcp' ? bindings.toReversed() : bindings.toSorted((a, b) => b.from - a.from);
}

const highest = (bindings: readonly RequestedPort[]): number => Math.max(0, ...bindings.map(({ from }) => from));

const byProtocol = (a: ContainerPort, b: ContainerPort): number =>
  PROTOCOLS.indexOf(a.protocol) - PROTOCOLS.indexOf(b.protocol);

/** `80`, `80/tcp`, `80-82/udp`: the container's ports that a key names. */
export function parseContainerPorts(key: string): readonly ContainerPort[] {
  const [range = '', protocol = 'tcp', ...rest] = key.split('/');
  const name = protocol.toLowerCase();
  if (rest.length > 0 || !PROTOCOLS.includes(name)) throw badPort(key);
  const { from, to } = parseRange(range) ?? { from: 0, to: 0 };
  if (from === 0) throw badPort(range);
  return Array.from({ length: to - from + 1 }, (_, index) => ({ protocol: name as PortProtocol, port: from + index }));
}

function parseBinding({ protocol, port }: ContainerPort, { HostIp, HostPort }: HostPort): RequestedPort {
  const address = HostIp ? parseAddress(HostIp) : undefined;
  if (HostIp && !address) throw new EngineError('invalid', `invalid IP address: ${HostIp}`);
  // Docker takes a protocol behind the host port too, and takes no notice of it.
  const range = parseRange(HostPort ? HostPort.split('/', 1)[0]! : '0');
  if (!range || (range.from === 0 && range.to !== 0)) throw badPort(HostPort);
  return { protocol, containerPort: port, hostAddress: address ? printAddress(address) : '', ...range };
}

function parseRange(text: string): { from: number; to: number } | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  return to < from || to > LARGEST_PORT ? undefined : { from, to };
}

const badPort = (text: string): EngineError => new EngineError('invalid', `invalid port specification: "${text}"`);
