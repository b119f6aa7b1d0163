/** From the words of a question to a probe: who sends what to whom. */
import { isLoopback, parseAddress, printAddress, type Address, type Version } from '../../address/address.ts';
import type { Linux, LinuxNamespace } from '../../model/linux.ts';
import { hasPorts, ICMP, ICMP6, protocolNumber } from '../../model/walk/packet.ts';
import type { Probe } from '../../model/walk/walk.ts';
import { findPlace, type TracePlace } from './place.ts';

export interface TraceQuestion {
  /** A container, `host`, `world`, `world:198.51.100.7`, `10.0.0.9@eth0`. */
  readonly from: string;
  /** A container, `host`, or an address; then perhaps `:port`, `/tcp`, `/udp`, `/icmp`. */
  readonly to: string;
  /** The network by whose address a container is called; absent: one that both are on, else its first. */
  readonly network?: string;
  readonly state?: 'new' | 'established' | 'invalid';
}

/** A question that names what is not there, or says too little. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

const HOST = 'host';
/** Stands for any other machine (RFC 5737, RFC 3849). */
export const ANYBODY: Readonly<Record<Version, string>> = { 4: '203.0.113.10', 6: '2001:db8::10' };
const SOURCE_PORT = 40_000;

interface Target {
  readonly host: string;
  readonly port: number;
  readonly protocol: string;
}

/** `web:80/tcp`, `[fd00::2]:80`, `10.0.0.1/icmp`; a port alone is TCP, none is an echo request. */
export function parseTarget(text: string): Target {
  const [, bracketed, plain = '', port, protocol] =
    /^(?:\[([^\]]+)\]|([^/[\]]*?[^/:[\]]))(?::(\d{1,5}))?(?:\/(\w+))?$/.exec(text) ?? [];
  const bare = parseAddress(text.replace(/\/\w+$/, ''));
  const host = bare ? printAddress(bare) : (bracketed ?? plain);
  const number = bare || port === undefined ? undefined : Number(port);
  if (host === '' || (number !== undefined && number > 65_535)) {
    throw new TraceError(
      `${JSON.stringify(text)} is no target: give a container, host or address, then :port or /icmp`,
    );
  }
  const named = /\/(\w+)$/.exec(text)?.[1] ?? protocol ?? (number === undefined ? 'icmp' : 'tcp');
  if (protocolNumber(named) === undefined) throw new TraceError(`${named} is no protocol: tcp, udp and icmp are`);
  return { host, port: number ?? 0, protocol: named };
}

/**
 * @throws TraceError
 */
export function probeOf(question: TraceQuestion, linux: Linux, places: readonly TracePlace[]): Probe {
  const target = parseTarget(question.to);
  const sender = findPlace(places, question.from);
  const destination = addressOf(target.host, question, linux, places, sender);
  const { version } = destination;
  const number = protocolNumber(target.protocol)!;
  const protocol = number === ICMP && version === 6 ? ICMP6 : number;
  if (hasPorts(protocol) && target.port === 0) {
    throw new TraceError(`${target.protocol} needs a port: ${target.host}:80/${target.protocol}`);
  }
  return {
    ...origin(question.from, sender, version, linux),
    destination,
    protocol,
    sourcePort: SOURCE_PORT,
    destinationPort: target.port,
    ...(question.state && { state: question.state, isConnected: question.state === 'established' }),
  };
}

function origin(
  from: string,
  sender: TracePlace | undefined,
  version: Version,
  linux: Linux,
): Pick<Probe, 'from' | 'source'> {
  if (sender) return { from: { namespace: existing(linux, sender.namespace, sender.name) } };
  if (from === HOST) return { from: { namespace: existing(linux, HOST, HOST) } };
  const [, address, at, link] = /^(?:world(?::(.+))?|(.+)@(\S+))$/.exec(from) ?? [];
  const host = linux.namespaces.get(HOST);
  if (!host) throw new TraceError('nothing is known of the host');
  if (at !== undefined && link !== undefined) {
    if (!host.links.has(link)) throw new TraceError(`the host has no link ${link}`);
    return { from: { namespace: HOST, link }, source: parsed(at, version) };
  }
  if (!from.startsWith('world')) throw new TraceError(`nobody here is called ${JSON.stringify(from)}`);
  return {
    from: { namespace: HOST, link: uplink(host, version) },
    source: parsed(address ?? ANYBODY[version], version),
  };
}

function existing(linux: Linux, namespace: string, name: string): string {
  if (!linux.namespaces.has(namespace)) throw new TraceError(`nothing is known of the network of ${name}`);
  return namespace;
}

function parsed(text: string, version: Version): Address {
  const address = parseAddress(text);
  if (!address) throw new TraceError(`${JSON.stringify(text)} is not an IP address`);
  if (address.version !== version) throw new TraceError(`${text} can't send to an IPv${version} address`);
  return address;
}

/** The link of the default route. */
function uplink({ routes }: LinuxNamespace, version: Version): string {
  const way = routes.find(
    ({ to, type, link }) =>
      to.length === 0 && to.address.version === version && type === 'unicast' && link !== undefined,
  );
  if (!way?.link) throw new TraceError('the host has no default route, so the world has no way in: say ADDRESS@LINK');
  return way.link;
}

function addressOf(
  word: string,
  question: TraceQuestion,
  linux: Linux,
  places: readonly TracePlace[],
  sender: TracePlace | undefined,
): Address {
  const address = parseAddress(word);
  if (address) return address;
  if (word === HOST) return hostAddress(linux);
  const place = findPlace(places, word);
  if (!place) throw new TraceError(`nobody here is called ${JSON.stringify(word)}`);
  const { network } = question;
  const shared = (name: string) => sender?.addresses.some((its) => its.network === name) ?? false;
  const found =
    network === undefined
      ? (place.addresses.find((its) => shared(its.network)) ?? place.addresses[0])
      : place.addresses.find((its) => its.network === network);
  if (found) return parseAddress(found.address)!;
  if (place.namespace === HOST) return hostAddress(linux);
  throw new TraceError(`${place.name} has no address${network === undefined ? '' : ` on ${network}`}`);
}

/** The address that the world knows the host by: that of its uplink, else its first. */
function hostAddress(linux: Linux): Address {
  const host = linux.namespaces.get(HOST);
  const own = host?.addresses.filter(({ address }) => address.version === 4 && !isLoopback(address)) ?? [];
  const way = host?.routes.find(({ to, type }) => to.length === 0 && to.address.version === 4 && type === 'unicast');
  const found = own.find(({ link }) => link === way?.link) ?? own[0];
  if (!found) throw new TraceError('no address of the host is known');
  return found.address;
}
