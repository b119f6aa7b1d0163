/** The connection tracking table over ctnetlink. */
import { pack, readBe16 } from '../bytes.ts';
import { IPPROTO_UDP } from '../headers.ts';
import { AF_INET, AF_INET6, printHost } from '../inet.ts';
import { type Attribute, decodeAttributes, decodeNested, encodeAttributes } from './attribute.ts';
import { type Message, NetlinkError } from './message.ts';
import type { NetlinkSocket } from './socket.ts';

const SUBSYSTEM = 1 << 8;
const IPCTNL_MSG_CT_GET = SUBSYSTEM | 1;
const IPCTNL_MSG_CT_DELETE = SUBSYSTEM | 2;
const HEADER = 4;
const CTA_TUPLE_ORIG = 1;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;

const header = (family: number): Uint8Array => pack([family, 'u8'], [0, 'u8'], [0, 'be16']);

/**
 * Deletes the entries of UDP flows that were first sent to `address` (any, if empty) and `port`;
 * returns how many. The filter is ours: the kernel's (since 5.8) would save only the reading.
 */
export function flushUdp(socket: NetlinkSocket, address: string, port: number): number {
  let deleted = 0;
  for (const family of [AF_INET, AF_INET6]) {
    for (const entry of socket.dump(IPCTNL_MSG_CT_GET, header(family))) {
      if (isUdpTo(entry, address, port) && remove(socket, family, entry)) deleted += 1;
    }
  }
  return deleted;
}

function isUdpTo({ payload }: Message, address: string, port: number): boolean {
  const tuple = decodeNested(decodeAttributes(payload.subarray(HEADER)), CTA_TUPLE_ORIG);
  const protocol = decodeNested(tuple, CTA_TUPLE_PROTO);
  if (protocol.get(CTA_PROTO_NUM)?.[0] !== IPPROTO_UDP) return false;
  const destinationPort = protocol.get(CTA_PROTO_DST_PORT);
  if (!destinationPort || readBe16(destinationPort, 0) !== port) return false;
  const ip = decodeNested(tuple, CTA_TUPLE_IP);
  const destination = ip.get(CTA_IP_V4_DST) ?? ip.get(CTA_IP_V6_DST);
  return address === '' || (destination !== undefined && printHost(destination) === address);
}

function remove(socket: NetlinkSocket, family: number, { payload }: Message): boolean {
  // The id makes sure that it is this entry, and not one that took its place.
  const attributes = decodeAttributes(payload.subarray(HEADER));
  const identity: Attribute[] = [];
  for (const type of [CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE]) {
    const value = attributes.get(type);
    if (value) identity.push([type, value]);
  }
  try {
    socket.request(IPCTNL_MSG_CT_DELETE, 0, header(family), encodeAttributes(identity));
    return true;
  } catch (error) {
    // It ended meanwhile.
    if (error instanceof NetlinkError && error.code === 'ENOENT') return false;
    throw error;
  }
}
