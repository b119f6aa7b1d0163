/** Chains of nftables, those too that iptables makes there: how long one is, and the jumps that it begins with. */
import type { Family } from '../../core/firewall/rule.ts';
import { cString, pack, readBig, readCString } from '../bytes.ts';
import { AF_INET, AF_INET6 } from '../inet.ts';
import { type Attribute, decodeAttributes, decodeList, decodeNested, encodeAttributes } from './attribute.ts';
import { NetlinkError } from './message.ts';
import { NFGENMSG } from './rtnetlink.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './socket.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETCHAIN = (NFNL_SUBSYS_NFTABLES << 8) | 4;
const NFT_MSG_GETRULE = (NFNL_SUBSYS_NFTABLES << 8) | 7;
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
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
const NFT_JUMP = -3;

const FAMILY: Readonly<Record<Family, number>> = { ip: AF_INET, ip6: AF_INET6 };

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
    const [answer] = socket.request(NFT_MSG_GETCHAIN, 0, header(family), encodeAttributes(wanted));
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
    const rules = socket.glance(NFT_MSG_GETRULE, header(family), encodeAttributes(wanted));
    return rules.flatMap(({ payload }) => jumpOf(payload) ?? []);
  } finally {
    socket.close();
  }
}

const header = (family: Family): Uint8Array => pack([FAMILY[family], 'u8'], [0, 'u8'], [0, 'be16']);

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
