/** Raw IP packets, both ways. */
import { familyOf, AF_INET, hostBytes, printHost } from '../../src/linux/inet.ts';
import { ICMP, ICMP6, TCP } from '../../src/core/model/walk/packet.ts';

const FLAG_BITS: Readonly<Record<string, number>> = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 };

export interface RawPacket {
  /** IPv4's identification, or IPv6's flow label: both come through translations as they are. */
  readonly id: number;
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: readonly string[];
  /** ICMP: type and code; the identifier is the source port. */
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly ttl: number;
  readonly size: number;
  readonly dontFragment: boolean;
}

export const isIcmp = (protocol: number): boolean => protocol === ICMP || protocol === ICMP6;

function checksum(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A packet with its checksums. */
export function encode(packet: RawPacket): Uint8Array {
  const bytes = new Uint8Array(packet.size);
  const header = writeHeader(packet, bytes);
  const body = bytes.subarray(header);
  const payload = new DataView(bytes.buffer, header);
  if (isIcmp(packet.protocol)) {
    payload.setUint8(0, packet.icmp?.type ?? (packet.protocol === ICMP ? 8 : 128));
    payload.setUint8(1, packet.icmp?.code ?? 0);
    payload.setUint16(4, packet.sourcePort);
    payload.setUint16(6, packet.id);
    payload.setUint16(2, checksum(body, packet.protocol === ICMP ? 0 : pseudoSum(packet, body.length)));
    return bytes;
  }
  let sumAt = 6;
  payload.setUint16(0, packet.sourcePort);
  payload.setUint16(2, packet.destinationPort);
  if (packet.protocol === TCP) {
    sumAt = 16;
    payload.setUint32(4, 1000 + packet.id);
    if (packet.flags.includes('ACK')) payload.setUint32(8, 1);
    payload.setUint8(12, 5 << 4);
    payload.setUint8(
      13,
      packet.flags.reduce((all, flag) => all | FLAG_BITS[flag]!, 0),
    );
    payload.setUint16(14, 64_000);
  } else {
    payload.setUint16(4, body.length);
  }
  payload.setUint16(sumAt, checksum(body, pseudoSum(packet, body.length)));
  return bytes;
}

/** Of the addresses, the protocol and the length. */
function pseudoSum({ source, destination, protocol }: RawPacket, length: number): number {
  let sum = protocol + length;
  for (const address of [hostBytes(source), hostBytes(destination)]) {
    for (let at = 0; at < address.length; at += 2) sum += (address[at]! << 8) | address[at + 1]!;
  }
  return sum;
}

/** Gives its length. */
function writeHeader(packet: RawPacket, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer);
  const [source, destination] = [hostBytes(packet.source), hostBytes(packet.destination)];
  if (familyOf(source) === AF_INET) {
    view.setUint8(0, 0x45);
    view.setUint16(2, packet.size);
    view.setUint16(4, packet.id);
    view.setUint16(6, packet.dontFragment ? 0x4000 : 0);
    view.setUint8(8, packet.ttl);
    view.setUint8(9, packet.protocol);
    bytes.set(source, 12);
    bytes.set(destination, 16);
    view.setUint16(10, checksum(bytes.subarray(0, 20)));
    return 20;
  }
  view.setUint32(0, 0x60000000 + packet.id);
  view.setUint16(4, packet.size - 40);
  view.setUint8(6, packet.protocol);
  view.setUint8(7, packet.ttl);
  bytes.set(source, 8);
  bytes.set(destination, 24);
  return 40;
}

/** What a captured packet says; undefined if it is no IP. */
export function decode(bytes: Uint8Array): RawPacket | undefined {
  const version = bytes[0]! >>> 4;
  if (version === 4) return bytes.length < 28 ? undefined : decode4(bytes);
  return version === 6 && bytes.length >= 48 ? decode6(bytes) : undefined;
}

type Addressing = Omit<RawPacket, 'sourcePort' | 'destinationPort' | 'flags' | 'icmp'>;

function decode4(bytes: Uint8Array): RawPacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return decodeBody(bytes.subarray((bytes[0]! & 15) * 4), {
    id: view.getUint16(4),
    source: printHost(bytes.subarray(12, 16)),
    destination: printHost(bytes.subarray(16, 20)),
    protocol: view.getUint8(9),
    ttl: view.getUint8(8),
    size: view.getUint16(2),
    dontFragment: (view.getUint16(6) & 0x4000) !== 0,
  });
}

function decode6(bytes: Uint8Array): RawPacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return decodeBody(bytes.subarray(40), {
    id: view.getUint32(0) & 0xfffff,
    source: printHost(bytes.subarray(8, 24)),
    destination: printHost(bytes.subarray(24, 40)),
    protocol: view.getUint8(6),
    ttl: view.getUint8(7),
    size: view.getUint16(4) + 40,
    dontFragment: true,
  });
}

function decodeBody(body: Uint8Array, addressing: Addressing): RawPacket {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const icmp = isIcmp(addressing.protocol);
  const flagBits = addressing.protocol === TCP && body.length >= 14 ? view.getUint8(13) : 0;
  return {
    ...addressing,
    sourcePort: view.getUint16(icmp ? 4 : 0),
    destinationPort: view.getUint16(icmp ? 4 : 2),
    flags: Object.keys(FLAG_BITS).filter((flag) => flagBits & FLAG_BITS[flag]!),
    ...(icmp && { icmp: { type: view.getUint8(0), code: view.getUint8(1) } }),
  };
}

/** The packet that an ICMP error is about. */
export function decodeAbout(bytes: Uint8Array): RawPacket | undefined {
  const header = bytes[0]! >>> 4 === 4 ? (bytes[0]! & 15) * 4 : 40;
  return decode(bytes.subarray(header + 8));
}
