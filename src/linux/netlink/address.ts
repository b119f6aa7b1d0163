/** Addresses over rtnetlink. */
import { pack, readNumber, readU32, u32 } from '../bytes.ts';
import { type Attribute, decodeAttributes, encodeAttributes } from './attribute.ts';
import { type Message, NLM_F_CREATE, NLM_F_EXCL } from './message.ts';

import { familyOf, hostBytes, parseNetwork, printHost, printNetwork } from '../inet.ts';
import type { NetlinkSocket } from './socket.ts';
import { RTM_DELADDR, RTM_NEWADDR } from './rtnetlink.ts';

const RTM_GETADDR = 22;
const HEADER = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x2;

export interface Address {
  /** The link's index. */
  readonly link: number;
  /** Host address with prefix length. */
  readonly address: string;
  readonly broadcast?: string | undefined;
  readonly nodad?: boolean | undefined;
}

function encode({ link, address, broadcast, nodad }: Address): readonly [Uint8Array, Uint8Array] {
  const prefix = parseNetwork(address);
  const attributes: Attribute[] = [
    [IFA_LOCAL, prefix.host],
    [IFA_ADDRESS, prefix.host],
  ];
  if (broadcast !== undefined) attributes.push([IFA_BROADCAST, hostBytes(broadcast)]);
  if (nodad) attributes.push([IFA_FLAGS, u32(IFA_F_NODAD)]);
  const header = pack([familyOf(prefix.host), 'u8'], [prefix.length, 'u8'], [0, 'u8'], [0, 'u8'], [link, 'u32']);
  return [header, encodeAttributes(attributes)];
}

export function addAddress(socket: NetlinkSocket, address: Address): void {
  socket.request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ...encode(address));
}

export function removeAddress(socket: NetlinkSocket, address: Address): void {
  socket.request(RTM_DELADDR, 0, ...encode(address));
}

export function listAddresses(socket: NetlinkSocket): readonly Address[] {
  return socket.dump(RTM_GETADDR, new Uint8Array(HEADER)).flatMap(decode);
}

function decode({ payload }: Message): Address[] {
  const attributes = decodeAttributes(payload.subarray(HEADER));
  const host = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (!host) return [];
  const broadcast = attributes.get(IFA_BROADCAST);
  const flags = attributes.get(IFA_FLAGS);
  return [
    {
      link: readU32(payload, 4),
      address: printNetwork(host, payload[1]!),
      broadcast: broadcast && printHost(broadcast),
      nodad: flags !== undefined && (readNumber(flags) & IFA_F_NODAD) !== 0,
    },
  ];
}
