/** A link's addresses made known to everybody on its network (RFC 5227, 4861). */
import type { Presence } from '../core/engine/kernel.ts';
import { concat, pack, readBe16, u8 } from './bytes.ts';
import * as ffi from './ffi.ts';
import { AF_INET, familyOf, hostBytes } from './inet.ts';
import type { Namespaces } from './namespaces.ts';
import { macBytes, readLink } from './netlink/link.ts';
import { AF_PACKET, ETH_P_IP, ETH_P_IPV6, IPPROTO_ICMPV6, SOCK_CLOEXEC, SOCK_DGRAM } from './headers.ts';

const ETH_P_ARP = 0x0806;
const ARP_REQUEST = 1;
const NEIGHBOUR_ADVERTISEMENT = 136;
const OVERRIDE = 0x20;
const TARGET_LINK_ADDRESS = 2;

const EVERYBODY = new Uint8Array(6).fill(0xff);
const ALL_NODES = hostBytes('ff02::1');
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);

export function announce(namespaces: Namespaces, { namespace, link, port, addresses }: Presence): boolean {
  if (port !== '' && !readLink(namespaces.route('host'), port).forwarding) return false;
  const { index, mac } = readLink(namespaces.route(namespace), link);
  namespaces.inside(namespace, () => {
    const fd = ffi.socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    try {
      for (const address of addresses.map(hostBytes)) {
        const { protocol, to, data } = message(address, macBytes(mac));
        const target = packetAddress(protocol, index, to);
        ffi.sendto(fd, data, data.length, 0, target, target.length);
      }
    } finally {
      // A packet socket's end waits until nobody has it in hand any more (8 to 15 ms).
      ffi.closeAside(fd);
    }
  });
  return true;
}

/** A sockaddr_ll. */
function packetAddress(protocol: number, index: number, to: Uint8Array): Uint8Array {
  const head = pack([AF_PACKET, 'u16'], [protocol, 'be16'], [index, 'u32'], [0, 'u16'], [0, 'u8'], [to.length, 'u8']);
  return concat([head, to, new Uint8Array(8 - to.length)]);
}

function message(address: Uint8Array, mac: Uint8Array): { protocol: number; to: Uint8Array; data: Uint8Array } {
  return familyOf(address) === AF_INET
    ? { protocol: ETH_P_ARP, to: EVERYBODY, data: arpAnnouncement(address, mac) }
    : { protocol: ETH_P_IPV6, to: ALL_NODES_MAC, data: neighbourAdvertisement(address, mac) };
}

/** A question for the address by the one that has it, which all take note of. */
function arpAnnouncement(address: Uint8Array, mac: Uint8Array): Uint8Array {
  const head = pack([1, 'be16'], [ETH_P_IP, 'be16'], [mac.length, 'u8'], [address.length, 'u8'], [ARP_REQUEST, 'be16']);
  return concat([head, mac, address, new Uint8Array(mac.length), address]);
}

function neighbourAdvertisement(address: Uint8Array, mac: Uint8Array): Uint8Array {
  const option = concat([u8(TARGET_LINK_ADDRESS), u8(1), mac]);
  const body = (sum: number): Uint8Array =>
    concat([
      pack([NEIGHBOUR_ADVERTISEMENT, 'u8'], [0, 'u8'], [sum, 'be16'], [OVERRIDE, 'u8'], [0, 'u8'], [0, 'be16']),
      address,
      option,
    ]);
  const length = body(0).length;
  const pseudo = pack([0, 'be16'], [length, 'be16'], [0, 'be16'], [IPPROTO_ICMPV6, 'be16']);
  const sum = checksum(concat([address, ALL_NODES, pseudo, body(0)]));
  // Version 6; a hop limit of 255 shows that it comes from this very link.
  const header = pack([0x6000, 'be16'], [0, 'be16'], [length, 'be16'], [IPPROTO_ICMPV6, 'u8'], [255, 'u8']);
  return concat([header, address, ALL_NODES, body(sum)]);
}

/** The Internet's (RFC 1071), of an even number of bytes. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += readBe16(bytes, at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
