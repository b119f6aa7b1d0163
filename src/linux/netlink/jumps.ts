/** The jumps that a chain begins with, and the handles by which nftables deletes them. */
import { cString, pack, readBig, readCString } from '../bytes.ts';
import type { Family } from '../../core/firewall/rule.ts';
import { AF_INET, AF_INET6 } from '../inet.ts';
import { decodeAttributes, decodeList, decodeNested, encodeAttributes } from './attribute.ts';
import { NetlinkError } from './message.ts';
import { NFGENMSG } from './rtnetlink.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './socket.ts';

const NFT_MSG_GETRULE = (10 << 8) | 7;
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

export interface Jump {
  readonly handle: number;
  /** The chain that it leads to. */
  readonly to: string;
}

/**
 * The jumps without any condition among the first rules of a chain, in the thread's namespace: the first datagram
 * of a list that may be long. None if nftables has no such chain, as where iptables does not stand on it.
 */
export function leadingJumps(family: Family, table: string, chain: string): readonly Jump[] {
  const socket = new NetlinkSocket(NETLINK_NETFILTER);
  try {
    const header = pack([FAMILY[family], 'u8'], [0, 'u8'], [0, 'be16']);
    const wanted = encodeAttributes([
      [NFTA_RULE_TABLE, cString(table)],
      [NFTA_RULE_CHAIN, cString(chain)],
    ]);
    return socket.glance(NFT_MSG_GETRULE, header, wanted).flatMap(({ payload }) => jumpOf(payload) ?? []);
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return [];
    throw error;
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
