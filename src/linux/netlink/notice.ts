/** What the kernel tells of changes over rtnetlink: which link each is about. */
import { readCString, readI32, readU32 } from '../bytes.ts';
import { decodeAttributes } from './attribute.ts';
import type { Message } from './message.ts';

const AF_UNSPEC = 0;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_NEWNETCONF = 80;
const RTM_DELNETCONF = 81;
const IFLA_IFNAME = 3;
const RTA_OIF = 4;
const NETCONFA_IFINDEX = 1;

/** The index of the link that a notice is about, and its name where it is told; undefined: of none, or of several. */
export function linkOfNotice({
  type,
  payload,
}: Message): { readonly index: number; readonly name?: string } | undefined {
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const name = decodeAttributes(payload.subarray(16)).get(IFLA_IFNAME);
      return { index: readU32(payload, 4), ...(name && { name: readCString(name) }) };
    }
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return { index: readU32(payload, 4) };
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return indexed(decodeAttributes(payload.subarray(12)).get(RTA_OIF));
    case RTM_NEWNETCONF:
    case RTM_DELNETCONF:
      return indexed(decodeAttributes(payload.subarray(4)).get(NETCONFA_IFINDEX));
    default:
      return undefined;
  }
}

/** Whether a link is gone. A bridge tells of its family of a port that goes, before the link does. */
export const isEndOfLink = ({ type, payload }: Message): boolean => type === RTM_DELLINK && payload[0] === AF_UNSPEC;

const indexed = (bytes: Uint8Array | undefined) => (bytes ? { index: readI32(bytes, 0) } : undefined);
