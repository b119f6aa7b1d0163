/** Chains of nftables, those too that iptables makes there: how long one is, and the jumps that it begins with. */
import type { Family } from '../../core/firewall/rule.ts';
import { cString, readBig, readCString } from '../bytes.ts';
import { type Attribute, decodeAttributes, decodeList, decodeNested, encodeAttributes } from './attribute.ts';
import { NetlinkError } from './message.ts';
import {
  messageType,
  NFT_JUMP,
  NFTA_DATA_VERDICT,
  NFTA_VERDICT_CHAIN,
  NFTA_VERDICT_CODE,
  nftHeader,
} from './nftables.ts';
import { NFGENMSG } from './rtnetlink.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './socket.ts';

const NFT_MSG_GETCHAIN = 4;
const NFT_MSG_GETRULE = 7;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_USE = 6;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_IMMEDIATE_DATA = 2;

export interface Chain {
  readonly family: Family;
  readonly table: string;
  readonly name: string;
}

export interface Jump {
  /** By which nftables deletes it. */
  readonly handle: number;
  /** The chain that it leads to. */
  readonly to: string;
}

/** How many rules a chain has, and jumps that lead to it; 0 if nftables has no such chain. */
export function useOf(socket: NetlinkSocket, { family, table, name }: Chain): number {
  const wanted: Attribute[] = [
    [NFTA_CHAIN_TABLE, cString(table)],
    [NFTA_CHAIN_NAME, cString(name)],
  ];
  try {
    const [answer] = socket.request(messageType(NFT_MSG_GETCHAIN), 0, nftHeader(family), encodeAttributes(wanted));
    return readBig(decodeAttributes(answer!.payload.subarray(NFGENMSG)).get(NFTA_CHAIN_USE));
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return 0;
    throw error;
  }
}

/** The jumps without any condition among the first rules of a chain in the thread's namespace. */
export function leadingJumps({ family, table, name }: Chain): readonly Jump[] {
  const wanted: Attribute[] = [
    [NFTA_RULE_TABLE, cString(table)],
    [NFTA_RULE_CHAIN, cString(name)],
  ];
  const socket = new NetlinkSocket(NETLINK_NETFILTER);
  try {
    const rules = socket.glance(messageType(NFT_MSG_GETRULE), nftHeader(family), encodeAttributes(wanted));
    return rules.flatMap(({ payload }) => jumpOf(payload) ?? []);
  } finally {
    socket.close();
  }
}

function jumpOf(payload: Uint8Array): Jump | undefined {
  const rule = decodeAttributes(payload.subarray(NFGENMSG));
  const expressions = decodeList(rule.get(NFTA_RULE_EXPRESSIONS) ?? new Uint8Array()).map((element) => {
    const expression = decodeAttributes(element);
    return { name: text(expression, NFTA_EXPR_NAME), data: decodeNested(expression, NFTA_EXPR_DATA) };
  });
  const [counter, immediate, ...rest] = expressions;
  if (counter?.name !== 'counter' || immediate?.name !== 'immediate' || rest.length > 0) return undefined;
  const verdict = decodeNested(decodeNested(immediate.data, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);
  if ((readBig(verdict.get(NFTA_VERDICT_CODE)) | 0) !== NFT_JUMP) return undefined;
  return { handle: readBig(rule.get(NFTA_RULE_HANDLE)), to: text(verdict, NFTA_VERDICT_CHAIN) };
}

const text = (attributes: ReadonlyMap<number, Uint8Array>, type: number): string =>
  readCString(attributes.get(type) ?? new Uint8Array());
