/** Raw IPv4 packets, both ways. */
import { parseAddress, printAddress } from '../../src/core/address/address.ts';

const FLAG_BITS: Readonly<Record<string, number>> = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 };

export interface RawPacket {
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

const value = (text: string) => parseAddress(text)!.words[3];

function checksum(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** An IPv4 packet with its checksums. */
export function encode(packet: RawPacket): Uint8Array {
  const bytes = new Uint8Array(packet.size);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, packet.size);
  view.setUint16(4, packet.id);
  view.setUint16(6, packet.dontFragment ? 0x4000 : 0);
  view.setUint8(8, packet.ttl);
  view.setUint8(9, packet.protocol);
  view.setUint32(12, value(packet.source));
  view.setUint32(16, value(packet.destination));
  view.setUint16(10, checksum(bytes.subarray(0, 20)));
  const body = bytes.subarray(20);
  const payload = new DataView(bytes.buffer, 20);
  let sumAt = 2;
  let pseudo = 0;
  if (packet.protocol === 1) {
    payload.setUint8(0, packet.icmp?.type ?? 8);
    payload.setUint8(1, packet.icmp?.code ?? 0);
    payload.setUint16(4, packet.sourcePort);
    payload.setUint16(6, packet.id);
  } else {
    payload.setUint16(0, packet.sourcePort);
    payload.setUint16(2, packet.destinationPort);
    for (let at = 12; at < 20; at += 2) pseudo += view.getUint16(at);
    pseudo += packet.protocol + body.length;
    if (packet.protocol === 6) {
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
      sumAt = 6;
      payload.setUint16(4, body.length);
    }
  }
  payload.setUint16(sumAt, checksum(body, pseudo));
  return bytes;
}

/** What a captured packet says; undefined if it is not IPv4. */
export function decode(bytes: Uint8Array): RawPacket | undefined {
  if (bytes.length < 28 || bytes[0]! >>> 4 !== 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = (bytes[0]! & 15) * 4;
  const protocol = view.getUint8(9);
  const text = (at: number) => printAddress({ version: 4, words: [0, 0, 0, view.getUint32(at)] });
  const isIcmp = protocol === 1;
  const flagBits = protocol === 6 && bytes.length >= header + 14 ? view.getUint8(header + 13) : 0;
  return {
    id: view.getUint16(4),
    source: text(12),
    destination: text(16),
    protocol,
    sourcePort: view.getUint16(header + (isIcmp ? 4 : 0)),
    destinationPort: view.getUint16(header + (isIcmp ? 4 : 2)),
    flags: Object.keys(FLAG_BITS).filter((flag) => flagBits & FLAG_BITS[flag]!),
    ...(isIcmp && { icmp: { type: view.getUint8(header), code: view.getUint8(header + 1) } }),
    ttl: view.getUint8(8),
    size: view.getUint16(2),
    dontFragment: (view.getUint16(6) & 0x4000) !== 0,
  };
}

/** The packet that an ICMP error is about. */
export function decodeAbout(bytes: Uint8Array): RawPacket | undefined {
  const header = (bytes[0]! & 15) * 4;
  return decode(bytes.subarray(header + 8));
}
