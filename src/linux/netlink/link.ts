/** Links over rtnetlink. */
import { concat, cString, pack, readCString, readNumber, readU16, readU32, u8, u16, u32 } from '../bytes.ts';
import { type Attribute, decodeAttributes, decodeNested, encodeAttributes } from './attribute.ts';
import { type Message, NetlinkError, NLM_F_CREATE, NLM_F_EXCL } from './message.ts';
import { isEndOfLink, isEndOfSettings, linkOfNotice } from './notice.ts';
import { NETLINK_ROUTE, type NetlinkSocket, requestAside } from './socket.ts';
import { AF_BRIDGE } from '../headers.ts';
import { IFLA_IFNAME, RTM_DELLINK, RTM_NEWLINK } from './rtnetlink.ts';

const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_GETNSID = 90;
/** RTNLGRP_LINK and RTNLGRP_IPV4_NETCONF, as a mask. */
const END_GROUPS = (1 << 0) | (1 << 23);
const HEADER = 16;
const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;

const IFLA_ADDRESS = 1;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_PROTINFO = 12;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const VETH_INFO_PEER = 1;
const IFLA_MACVLAN_MODE = 1;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;
const IFLA_VLAN_ID = 1;
const IFLA_BRPORT_STATE = 1;
const IFLA_BRPORT_MODE = 4;
const BR_STATE_FORWARDING = 3;
const NETNSA_NSID = 1;
const NETNSA_FD = 3;

const RTEXT_FILTER_SKIP_STATS = 8;

const MACVLAN_MODES = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
const IPVLAN_FLAGS = { private: 1, vepa: 2 } as const;
const IPVLAN_MODES = { l2: 0, l3: 1, l3s: 2 } as const;

/** What a link can be given when it is made or later. `master` 0 takes it out of its bridge. */
export interface LinkSettings {
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  readonly master?: number | undefined;
  readonly up?: boolean | undefined;
}

export type LinkKind =
  | { readonly kind: 'bridge' | 'dummy' }
  | {
      readonly kind: 'veth';
      /** The other end, born in the namespace of the descriptor `namespace`, and down: a first end cannot be brought up. */
      readonly peer: Omit<LinkSettings, 'up'> & { readonly name: string; readonly namespace: number };
    }
  /** A child is born in the namespace of the descriptor `namespace`, on the link of index `parent` of the socket's. */
  | {
      readonly kind: 'macvlan' | 'ipvlan';
      readonly mode: string;
      /** Of ipvlan: `private`, `vepa`; undefined: neither. */
      readonly flag?: string | undefined;
      readonly parent: number;
      readonly namespace: number;
    }
  | { readonly kind: 'vlan'; readonly id: number; readonly parent: number };

/** A link as the kernel reports it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** `veth`, `bridge`, …; empty for hardware and loopback. */
  readonly kind: string;
  readonly loopback: boolean;
  readonly up: boolean;
  readonly mac: string;
  readonly mtu: number;
  /** The index of the bridge it is a port of; 0: none. */
  readonly master: number;
  readonly hairpin: boolean;
  /** Whether it is a port of a bridge that passes its frames on. */
  readonly forwarding: boolean;
  /** The index of its parent or peer; 0: none. */
  readonly link: number;
  /** The id of the namespace that `link` counts in, as the link's own namespace numbers it; undefined: the same. */
  readonly linkNamespace: number | undefined;
  /** macvlan, ipvlan */
  readonly mode: string;
  /** vlan */
  readonly id: number;
}

const header = (index: number, up: boolean | undefined, family = 0): Uint8Array =>
  pack(
    [family, 'u8'],
    [0, 'u8'],
    [0, 'u16'],
    [index, 'u32'],
    [up ? IFF_UP : 0, 'u32'],
    [up === undefined ? 0 : IFF_UP, 'u32'],
  );

/** Throws TypeError for what is no MAC address. */
export function macBytes(text: string): Uint8Array {
  if (!/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(text)) throw new TypeError(`${text} is not a MAC address`);
  return Uint8Array.from(text.split(':'), (digits) => Number.parseInt(digits, 16));
}

const printMac = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');

const nameAttribute = (name: string): Attribute => [IFLA_IFNAME, cString(name)];

function settingAttributes({ mac, mtu, master }: LinkSettings): Attribute[] {
  return [
    ...(mac === undefined ? [] : [[IFLA_ADDRESS, macBytes(mac)] as const]),
    ...(mtu === undefined ? [] : [[IFLA_MTU, u32(mtu)] as const]),
    ...(master === undefined ? [] : [[IFLA_MASTER, u32(master)] as const]),
  ];
}

function modeNumber(kind: string, modes: Readonly<Record<string, number>>, mode: string): number {
  const number = modes[mode];
  if (number === undefined) throw new TypeError(`${mode} is not a mode of ${kind}: ${Object.keys(modes).join(', ')}`);
  return number;
}

const modeName = (modes: Readonly<Record<string, number>>, number: number): string =>
  Object.keys(modes).find((name) => modes[name] === number) ?? String(number);

/** What a kind adds to the link's own attributes, and what its driver is told. */
function kindAttributes(kind: LinkKind): { readonly own: readonly Attribute[]; readonly data: readonly Attribute[] } {
  switch (kind.kind) {
    case 'bridge':
    case 'dummy':
      return { own: [], data: [] };
    case 'veth': {
      const { name, namespace } = kind.peer;
      const attributes = [
        nameAttribute(name),
        [IFLA_NET_NS_FD, u32(namespace)],
        ...settingAttributes(kind.peer),
      ] as const;
      return { own: [], data: [[VETH_INFO_PEER, concat([header(0, undefined), encodeAttributes(attributes)])]] };
    }
    case 'macvlan':
      return {
        own: [
          [IFLA_LINK, u32(kind.parent)],
          [IFLA_NET_NS_FD, u32(kind.namespace)],
        ],
        data: [[IFLA_MACVLAN_MODE, u32(modeNumber('macvlan', MACVLAN_MODES, kind.mode))]],
      };
    case 'ipvlan':
      return {
        own: [
          [IFLA_LINK, u32(kind.parent)],
          [IFLA_NET_NS_FD, u32(kind.namespace)],
        ],
        data: [
          [IFLA_IPVLAN_MODE, u16(modeNumber('ipvlan', IPVLAN_MODES, kind.mode))],
          ...(kind.flag ? [[IFLA_IPVLAN_FLAGS, u16(modeNumber('ipvlan', IPVLAN_FLAGS, kind.flag))] as const] : []),
        ],
      };
    case 'vlan':
      return { own: [[IFLA_LINK, u32(kind.parent)]], data: [[IFLA_VLAN_ID, u16(kind.id)]] };
  }
}

/** What a kernel that is built without a kind of link may find it in. */
const MODULES: Readonly<Record<LinkKind['kind'], string>> = {
  bridge: 'bridge',
  dummy: 'dummy',
  veth: 'veth',
  macvlan: 'macvlan',
  ipvlan: 'ipvlan',
  vlan: '8021q',
};

/** Makes a link with its settings: all or nothing, in one message. */
export function addLink(socket: NetlinkSocket, name: string, kind: LinkKind, settings: LinkSettings): void {
  const { own, data } = kindAttributes(kind);
  const info: Attribute[] = [[IFLA_INFO_KIND, cString(kind.kind)]];
  if (data.length > 0) info.push([IFLA_INFO_DATA, data]);
  const attributes = [nameAttribute(name), ...settingAttributes(settings), ...own, [IFLA_LINKINFO, info] as const];
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  try {
    socket.request(RTM_NEWLINK, flags, header(0, settings.up), encodeAttributes(attributes));
  } catch (error) {
    if (!(error instanceof NetlinkError && error.code === 'ENOTSUP')) throw error;
    throw new NoSuchLinkError(kind.kind, error);
  }
}

/** A kind of link that the kernel does not know. */
class NoSuchLinkError extends Error {
  override readonly name = 'NoSuchLinkError';
  readonly code = 'ENOTSUP';

  constructor(kind: LinkKind['kind'], cause: NetlinkError) {
    super(`${cause.message}: this kernel has no ${kind} links (modprobe ${MODULES[kind]})`, { cause });
  }
}

/** Changes what is set; leaves the rest as it is. */
export function setLink(socket: NetlinkSocket, name: string, settings: LinkSettings): void {
  const attributes = [nameAttribute(name), ...settingAttributes(settings)];
  socket.request(RTM_SETLINK, 0, header(0, settings.up), encodeAttributes(attributes));
}

/** Lets the bridge send frames back out of the port that they came in by, or not. */
export function setHairpin(socket: NetlinkSocket, name: string, hairpin: boolean): void {
  const attributes: Attribute[] = [[IFLA_PROTINFO, [[IFLA_BRPORT_MODE, u8(hairpin ? 1 : 0)]]]];
  const index = socket.indexOf(name);
  socket.request(RTM_SETLINK, 0, header(index, undefined, AF_BRIDGE), encodeAttributes(attributes));
}

/**
 * Begins to remove a link of the socket's namespace, which is the thread's; what is returned waits until it is gone.
 *
 * It is for everybody when the kernel ends its settings: then it has left the list of links, and who asks for it waits
 * and hears that it is not there. The kernel goes on with it, longest with a bridge: the notice of its end comes 8 to
 * 20 ms later, and the answer, when nobody has it in hand any more, as long again. Throws SystemError ENODEV.
 */
export function removeLink(socket: NetlinkSocket, name: string): () => void {
  const index = socket.indexOf(name);
  const isGone = (message: Message) =>
    (isEndOfLink(message) || isEndOfSettings(message)) && linkOfNotice(message)?.index === index;
  return requestAside(NETLINK_ROUTE, { type: RTM_DELLINK, payload: header(index, undefined) }, END_GROUPS, isGone);
}

/** Throws NetlinkError ENODEV. */
export function readLink(socket: NetlinkSocket, name: string): Link {
  const answers = socket.request(RTM_GETLINK, 0, header(0, undefined), encodeAttributes([nameAttribute(name)]));
  return decodeLink(answers[0]!);
}

export function listLinks(socket: NetlinkSocket): readonly Link[] {
  const mask: Attribute = [IFLA_EXT_MASK, u32(RTEXT_FILTER_SKIP_STATS)];
  return socket.dump(RTM_GETLINK, header(0, undefined), encodeAttributes([mask])).map(decodeLink);
}

export function decodeLink({ payload }: Message): Link {
  const flags = readU32(payload, 8);
  const attributes = decodeAttributes(payload.subarray(HEADER));
  const info = decodeNested(attributes, IFLA_LINKINFO);
  const data = decodeNested(info, IFLA_INFO_DATA);
  const number = (type: number) => readNumber(attributes.get(type) ?? u32(0));
  const text = (from: ReadonlyMap<number, Uint8Array>, type: number) => readCString(from.get(type) ?? u8(0));
  const kind = text(info, IFLA_INFO_KIND);
  const port = text(info, IFLA_INFO_SLAVE_KIND) === 'bridge' ? decodeNested(info, IFLA_INFO_SLAVE_DATA) : undefined;
  const namespace = attributes.get(IFLA_LINK_NETNSID);
  return {
    index: readU32(payload, 4),
    name: text(attributes, IFLA_IFNAME),
    kind,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    up: (flags & IFF_UP) !== 0,
    mac: printMac(attributes.get(IFLA_ADDRESS) ?? new Uint8Array()),
    mtu: number(IFLA_MTU),
    master: number(IFLA_MASTER),
    hairpin: port?.get(IFLA_BRPORT_MODE)?.[0] === 1,
    forwarding: port?.get(IFLA_BRPORT_STATE)?.[0] === BR_STATE_FORWARDING,
    link: number(IFLA_LINK),
    linkNamespace: namespace && readNumber(namespace),
    mode: decodeMode(kind, data),
    id: kind === 'vlan' ? readU16(data.get(IFLA_VLAN_ID) ?? u16(0), 0) : 0,
  };
}

/** What a bridge says of its port of that notice, besides what the port's own notices say. */
export const portMode = ({ payload }: Message): number =>
  decodeNested(decodeAttributes(payload.subarray(HEADER)), IFLA_PROTINFO).get(IFLA_BRPORT_MODE)?.[0] ?? 0;

function decodeMode(kind: string, data: ReadonlyMap<number, Uint8Array>): string {
  if (kind === 'macvlan') return modeName(MACVLAN_MODES, readNumber(data.get(IFLA_MACVLAN_MODE) ?? u32(0)));
  if (kind === 'ipvlan') return modeName(IPVLAN_MODES, readNumber(data.get(IFLA_IPVLAN_MODE) ?? u16(0)));
  return '';
}

/** The number by which the socket's namespace knows the one of the descriptor `namespace`; -1: it has none. */
export function namespaceNumber(socket: NetlinkSocket, namespace: number): number {
  const answers = socket.request(RTM_GETNSID, 0, u32(0), encodeAttributes([[NETNSA_FD, u32(namespace)]]));
  const number = decodeAttributes(answers[0]!.payload.subarray(4)).get(NETNSA_NSID);
  return number ? readNumber(number) | 0 : -1;
}
