/** What the kernel tells of changes over rtnetlink: which link each is about. */
import { readCString, readI32, readU32 } from '../bytes.ts';
import { AF_INET } from '../inet.ts';
import { decodeAttributes } from './attribute.ts';
import type { Message } from './message.ts';
import { AF_BRIDGE, AF_UNSPEC } from '../headers.ts';
import {
  IFLA_IFNAME,
  RTA_OIF,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
} from './rtnetlink.ts';

const RTM_NEWNETCONF = 80;
const RTM_DELNETCONF = 81;
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

/** Whether a link's settings of IPv4 are gone, which every link has until it leaves. */
export const isEndOfSettings = ({ type, payload }: Message): boolean =>
  type === RTM_DELNETCONF && payload[0] === AF_INET;

/** Whether it tells of something that is there now: a new link, or one whose settings may have changed. */
export const isLink = ({ type }: Message): boolean => type === RTM_NEWLINK;

/** Whether it tells of forwarding and the like. */
export const isSetting = ({ type }: Message): boolean => type === RTM_NEWNETCONF;

/** A bridge tells of its ports' settings in a family of its own. */
export const isPort = ({ type, payload }: Message): boolean => type === RTM_NEWLINK && payload[0] === AF_BRIDGE;

/**
 * Whether it tells of what somebody else did to an address or a route, or to a setting. New addresses
 * stand in nobody's way; routes that come and go by themselves follow from something else that is told.
 */
export function isDeed({ type, sequence }: Message): boolean {
  switch (type) {
    case RTM_NEWADDR:
    case RTM_DELNETCONF:
      return false;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return sequence !== 0;
    default:
      return true;
  }
}

const indexed = (bytes: Uint8Array | undefined) => (bytes ? { index: readI32(bytes, 0) } : undefined);
