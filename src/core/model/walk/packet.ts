/** A packet, as far as anything on its way may look at it. */
import { printAddress, type Address } from '../../address/address.ts';
import type { Tuple } from '../linux.ts';

export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const ICMP6 = 58;
export const SCTP = 132;

const NUMBERS: Readonly<Record<string, number>> = {
  icmp: ICMP,
  igmp: 2,
  ipencap: 4,
  tcp: TCP,
  udp: UDP,
  dccp: 33,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: ICMP6,
  'ipv6-icmp': ICMP6,
  ospf: 89,
  pim: 103,
  vrrp: 112,
  sctp: SCTP,
  udplite: 136,
};

const NAMES = new Map(
  Object.entries(NUMBERS)
    .filter(([name]) => name !== 'icmpv6')
    .map(([name, number]) => [number, name]),
);

/** The number of a protocol by its name or number as text; undefined if it is neither. `all` is 0. */
export function protocolNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  return text === 'all' ? 0 : NUMBERS[text];
}

export function protocolName(number: number): string {
  return NAMES.get(number) ?? String(number);
}

export type TcpFlag = 'SYN' | 'ACK' | 'FIN' | 'RST' | 'PSH' | 'URG';

export interface Icmp {
  readonly type: number;
  readonly code: number;
  /** Of an error: the packet that it is about, as its sender of the error saw it. */
  readonly about?: Packet;
}

export interface Packet {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  /** 0 where the protocol has none; ICMP echo: both are the identifier. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TCP only. */
  readonly flags: readonly TcpFlag[];
  readonly icmp?: Icmp;
  readonly ttl: number;
  /** Bytes, the IP header included. */
  readonly size: number;
  readonly dontFragment: boolean;
  readonly mark: number;
}

export function tupleOf(packet: Packet): Tuple {
  const { protocol, source, sourcePort, destination, destinationPort } = packet;
  return { protocol, source, sourcePort, destination, destinationPort };
}

export function invert(tuple: Tuple): Tuple {
  return {
    protocol: tuple.protocol,
    source: tuple.destination,
    sourcePort: tuple.destinationPort,
    destination: tuple.source,
    destinationPort: tuple.sourcePort,
  };
}

export function tupleKey(tuple: Tuple): string {
  const end = (address: Address, port: number) => `${address.words.join('.')}:${port}`;
  return `${tuple.protocol} ${end(tuple.source, tuple.sourcePort)} ${end(tuple.destination, tuple.destinationPort)}`;
}

export const hasPorts = (protocol: number): boolean =>
  protocol === TCP || protocol === UDP || protocol === SCTP || protocol === 33 || protocol === 136;

/** `172.18.0.2:4000 > 10.0.0.1:80 tcp SYN` */
export function printPacket(packet: Packet): string {
  const end = (address: Address, port: number) => {
    const text = printAddress(address);
    if (!hasPorts(packet.protocol)) return text;
    return address.version === 6 ? `[${text}]:${port}` : `${text}:${port}`;
  };
  const flags = packet.flags.length > 0 ? ` ${packet.flags.join(',')}` : '';
  const icmp = packet.icmp ? ` ${packet.icmp.type}/${packet.icmp.code}` : '';
  const ends = `${end(packet.source, packet.sourcePort)} > ${end(packet.destination, packet.destinationPort)}`;
  return `${ends} ${protocolName(packet.protocol)}${flags}${icmp}`;
}
