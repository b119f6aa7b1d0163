/** Unicast routes of the main table over rtnetlink. */
import { pack, readNumber, readU16, readU32, u32 } from '../bytes.ts';
import { AF_INET, AF_INET6, hostBytes, parseNetwork, printHost, printNetwork } from '../inet.ts';
import { type Attribute, decodeAttributes, encodeAttributes } from './attribute.ts';
import { type Message, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from './message.ts';

import type { NetlinkSocket } from './socket.ts';
import { RTA_OIF, RTM_DELROUTE, RTM_NEWROUTE } from './rtnetlink.ts';

const RTM_GETROUTE = 26;
const HEADER = 12;
const NEXT_HOP = 8;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;
const RTM_F_CLONED = 0x200;
const RTA_DST = 1;
const RTA_GATEWAY = 5;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;

export interface Route {
  readonly family: 'ip' | 'ip6';
  /** `default` or a CIDR. */
  readonly to: string;
  readonly via?: string | undefined;
  /** The link's index. */
  readonly link: number;
}

function encode({ family, to, via, link }: Route, scope: number, protocol: number): readonly [Uint8Array, Uint8Array] {
  const prefix = to === 'default' ? undefined : parseNetwork(to);
  const attributes: Attribute[] = [[RTA_OIF, u32(link)]];
  if (prefix) attributes.push([RTA_DST, prefix.host]);
  if (via !== undefined) attributes.push([RTA_GATEWAY, hostBytes(via)]);
  const header = pack(
    [family === 'ip' ? AF_INET : AF_INET6, 'u8'],
    [prefix?.length ?? 0, 'u8'],
    [0, 'u8'],
    [0, 'u8'],
    [RT_TABLE_MAIN, 'u8'],
    [protocol, 'u8'],
    [scope, 'u8'],
    [RTN_UNICAST, 'u8'],
    [0, 'u32'],
  );
  return [header, encodeAttributes(attributes)];
}

const scopeOf = ({ family, via }: Route): number =>
  family === 'ip' && via === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;

export function addRoute(socket: NetlinkSocket, route: Route): void {
  socket.request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, ...encode(route, scopeOf(route), RTPROT_BOOT));
}

/** Puts the route in the place of the one to the same destination, or beside none. */
export function replaceRoute(socket: NetlinkSocket, route: Route): void {
  socket.request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, ...encode(route, scopeOf(route), RTPROT_BOOT));
}

export function removeRoute(socket: NetlinkSocket, route: Route): void {
  socket.request(RTM_DELROUTE, 0, ...encode(route, RT_SCOPE_NOWHERE, 0));
}

/** One entry for each next hop. */
export function listRoutes(socket: NetlinkSocket, family: Route['family']): readonly Route[] {
  const header = new Uint8Array(HEADER);
  header[0] = family === 'ip' ? AF_INET : AF_INET6;
  return socket.dump(RTM_GETROUTE, header).flatMap((message) => decode(message, family));
}

function decode({ payload }: Message, family: Route['family']): Route[] {
  const attributes = decodeAttributes(payload.subarray(HEADER));
  const table = attributes.get(RTA_TABLE);
  const isMain = (table ? readNumber(table) : payload[4]) === RT_TABLE_MAIN;
  if (!isMain || payload[7] !== RTN_UNICAST || readU32(payload, 8) & RTM_F_CLONED) return [];
  const destination = attributes.get(RTA_DST);
  const to = destination ? printNetwork(destination, payload[1]!) : 'default';
  const hop = (link: number, gateway: Uint8Array | undefined): Route => ({
    family,
    to,
    via: gateway && printHost(gateway),
    link,
  });
  const link = attributes.get(RTA_OIF);
  if (link) return [hop(readNumber(link), attributes.get(RTA_GATEWAY))];
  return nextHops(attributes.get(RTA_MULTIPATH) ?? new Uint8Array()).map(([link, gateway]) => hop(link, gateway));
}

/** A list of struct rtnexthop, each followed by its attributes. */
function nextHops(bytes: Uint8Array): readonly (readonly [link: number, gateway: Uint8Array | undefined])[] {
  const hops: [number, Uint8Array | undefined][] = [];
  let at = 0;
  while (at + NEXT_HOP <= bytes.length) {
    const length = readU16(bytes, at);
    if (length < NEXT_HOP) break;
    const attributes = decodeAttributes(bytes.subarray(at + NEXT_HOP, at + length));
    hops.push([readU32(bytes, at + 4), attributes.get(RTA_GATEWAY)]);
    at += (length + 3) & ~3;
  }
  return hops;
}
