/** Sets and maps of nftables: what their elements consist of, and elements that come and go. */
import type { Family } from '../../core/firewall/rule.ts';
import type { NftElementObject, NftValue } from '../../core/plan/object.ts';
import { cString, packBig, readBig, readCString } from '../bytes.ts';
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, LINK_NAME } from '../headers.ts';
import { hostBytes } from '../inet.ts';
import { type Attribute, decodeAttributes, encodeAttributes } from './attribute.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from './message.ts';
import {
  messageType,
  NFTA_LIST_ELEM,
  nftHeader,
  type NftRequest,
  nftRequest,
  valueAttribute,
  verdictAttribute,
} from './nftables.ts';
import { NFGENMSG } from './rtnetlink.ts';
import type { NetlinkSocket } from './socket.ts';

const NFT_MSG_GETSET = 10;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;
const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_DATA_TYPE = 6;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
/** A map, and a concatenation: of whatever else a set may be, nftables' library knows more. */
const KNOWN_FLAGS = 0x8 | 0x80;
const VERDICT_TYPE = 0xffffff00;
/** A list of elements is an attribute, which has 64 kB; the longest are of 150 bytes. */
const ELEMENTS_AT_ONCE = 400;

/** A part of a value, by the number that nftables' programs have for its type and the kernel keeps for them. */
const PARTS: ReadonlyMap<number, (value: NftValue) => Uint8Array> = new Map([
  [7, (value) => hostBytes(String(value))],
  [8, (value) => hostBytes(String(value))],
  [12, (value) => Uint8Array.of(protocolNumber(value))],
  [13, (value) => packBig(Number(value), 2)],
  [41, (value) => linkName(String(value))],
]);
const BITS_OF_TYPE = 6;

const PROTOCOLS: Readonly<Record<NftValue, number>> = {
  tcp: IPPROTO_TCP,
  udp: IPPROTO_UDP,
  sctp: IPPROTO_SCTP,
};

function protocolNumber(value: NftValue): number {
  const number = PROTOCOLS[value];
  if (number === undefined) throw new TypeError(`${value} is not a protocol`);
  return number;
}

function linkName(text: string): Uint8Array {
  const name = cString(text);
  if (name.length > LINK_NAME) throw new TypeError(`${text} is not the name of a link`);
  const bytes = new Uint8Array(LINK_NAME);
  bytes.set(name);
  return bytes;
}

type Encode = (parts: readonly NftValue[]) => Uint8Array;

/** How the elements of a set are written. */
export interface SetEncoding {
  readonly key: Encode;
  /** Of a map; `verdict` if it leads to verdicts. */
  readonly value?: Encode | 'verdict';
}

/** How the elements of a table's sets are written, by the sets' names; those of sets that are written otherwise are left out. */
export function setEncodings(socket: NetlinkSocket, family: Family, table: string): ReadonlyMap<string, SetEncoding> {
  const wanted = encodeAttributes([[NFTA_SET_TABLE, cString(table)]]);
  const encodings = new Map<string, SetEncoding>();
  for (const { payload } of socket.dump(messageType(NFT_MSG_GETSET), nftHeader(family), wanted)) {
    const set = decodeAttributes(payload.subarray(NFGENMSG));
    const key = encoder(readBig(set.get(NFTA_SET_KEY_TYPE)));
    const dataType = set.has(NFTA_SET_DATA_TYPE) ? readBig(set.get(NFTA_SET_DATA_TYPE)) : undefined;
    const value = dataType === VERDICT_TYPE ? 'verdict' : dataType === undefined ? undefined : encoder(dataType);
    const isKnown = (readBig(set.get(NFTA_SET_FLAGS)) & ~KNOWN_FLAGS) === 0 && key && (value || dataType === undefined);
    if (isKnown) encodings.set(readCString(set.get(NFTA_SET_NAME)!), { key, ...(value && { value }) });
  }
  return encodings;
}

/** Each part of a concatenation takes whole words of four bytes. Undefined if one is of a type that is not known here. */
function encoder(type: number): Encode | undefined {
  const parts: ((value: NftValue) => Uint8Array)[] = [];
  for (let rest = type; rest > 0; rest = Math.floor(rest / (1 << BITS_OF_TYPE))) {
    const part = PARTS.get(rest % (1 << BITS_OF_TYPE));
    if (!part) return undefined;
    parts.unshift(part);
  }
  const [single, ...others] = parts;
  if (!single) return undefined;
  const requireCount = (values: readonly NftValue[]) => {
    if (values.length !== parts.length) throw new TypeError(`${values.join(' . ')} has not ${parts.length} parts`);
  };
  if (others.length === 0) {
    return (values) => {
      requireCount(values);
      return single(values[0]!);
    };
  }
  return (values) => {
    requireCount(values);
    const encoded = values.map((value, index) => parts[index]!(value));
    const bytes = new Uint8Array(encoded.reduce((sum, { length }) => sum + padded(length), 0));
    let at = 0;
    for (const part of encoded) {
      bytes.set(part, at);
      at += padded(part.length);
    }
    return bytes;
  };
}

const padded = (length: number): number => (length + 3) & ~3;

/** The messages that make the elements, which must not be there, of one set. Throws TypeError for values that are none. */
export function createElements(elements: readonly NftElementObject[], encoding: SetEncoding): NftRequest[] {
  return requests(elements, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, (element) => {
    const key = valueAttribute(NFTA_SET_ELEM_KEY, encoding.key(element.key));
    if (encoding.value === undefined) return [key];
    if (encoding.value === 'verdict') return [key, verdictAttribute(NFTA_SET_ELEM_DATA, element.verdict ?? '')];
    return [key, valueAttribute(NFTA_SET_ELEM_DATA, encoding.value(element.value ?? []))];
  });
}

/** The messages that delete the elements, which must be there, of one set. */
export function deleteElements(elements: readonly NftElementObject[], encoding: SetEncoding): NftRequest[] {
  return requests(elements, NFT_MSG_DELSETELEM, 0, ({ key }) => [valueAttribute(NFTA_SET_ELEM_KEY, encoding.key(key))]);
}

function requests(
  elements: readonly NftElementObject[],
  number: number,
  flags: number,
  attributes: (element: NftElementObject) => readonly Attribute[],
): NftRequest[] {
  const { family, table, set } = elements[0]!;
  const names: Attribute[] = [
    [NFTA_SET_ELEM_LIST_TABLE, cString(table)],
    [NFTA_SET_ELEM_LIST_SET, cString(set)],
  ];
  return Array.from({ length: Math.ceil(elements.length / ELEMENTS_AT_ONCE) }, (_, index) => {
    const some = elements.slice(index * ELEMENTS_AT_ONCE, (index + 1) * ELEMENTS_AT_ONCE);
    const list = some.map((element): Attribute => [NFTA_LIST_ELEM, attributes(element)]);
    return nftRequest(number, flags, family, [...names, [NFTA_SET_ELEM_LIST_ELEMENTS, list]]);
  });
}
