/** What nftables tells of its rules, those too that iptables makes there: which there are, and how each transaction changes them. */
import type { Family } from '../../core/firewall/rule.ts';
import { cString, readBig, readCString } from '../bytes.ts';
import { decodeAttributes, encodeAttributes } from './attribute.ts';
import type { Message } from './message.ts';
import {
  type Chain,
  familyOf,
  messageType,
  NFT_MSG_DELRULE,
  NFT_MSG_DELTABLE,
  NFT_MSG_GETRULE,
  NFT_MSG_NEWRULE,
  NFTA_RULE_CHAIN,
  NFTA_RULE_HANDLE,
  NFTA_RULE_TABLE,
  NFTA_TABLE_NAME,
  nftHeader,
} from './nftables.ts';
import { NFGENMSG } from './rtnetlink.ts';
import type { NetlinkSocket } from './socket.ts';

const NFT_MSG_NEWGEN = 15;
const NFT_MSG_GETGEN = 16;
const NFTA_GEN_ID = 1;
const NFTA_GEN_PROC_PID = 2;

const NEW_GENERATION = messageType(NFT_MSG_NEWGEN);
const NEW_RULE = messageType(NFT_MSG_NEWRULE);
const DELETED_RULE = messageType(NFT_MSG_DELRULE);
const DELETED_TABLE = messageType(NFT_MSG_DELTABLE);

/** What nftables holds between two transactions. */
export interface Generation {
  readonly number: number;
  /** That made it; it names a thread of a process with several. */
  readonly process: number;
}

/** A rule by its place and the handle that its table gave it. A table never gives one twice. */
export interface RuleHandle {
  readonly chain: Chain;
  readonly handle: number;
}

export type RuleNotice =
  | ({ readonly kind: 'new' | 'deleted' } & RuleHandle)
  /** A table is gone, with all its rules. */
  | { readonly kind: 'no-table'; readonly family: Family; readonly table: string };

/** The generation that a notice tells of, after all else that its transaction did. */
export function generationIn({ type, payload }: Message): Generation | undefined {
  if (type !== NEW_GENERATION) return undefined;
  const attributes = decodeAttributes(payload.subarray(NFGENMSG));
  return { number: readBig(attributes.get(NFTA_GEN_ID)), process: readBig(attributes.get(NFTA_GEN_PROC_PID)) };
}

/** What a notice tells of rules of IPv4 and IPv6. */
export function ruleNotice({ type, payload }: Message): RuleNotice | undefined {
  const family = familyOf(payload);
  if (!family) return undefined;
  if (type === DELETED_TABLE) {
    const table = decodeAttributes(payload.subarray(NFGENMSG)).get(NFTA_TABLE_NAME);
    return { kind: 'no-table', family, table: readCString(table!) };
  }
  if (type !== NEW_RULE && type !== DELETED_RULE) return undefined;
  return { kind: type === NEW_RULE ? 'new' : 'deleted', ...ruleHandle(family, payload) };
}

/** The generation that nftables is at. Throws NetlinkError if there is no nftables. */
export function currentGeneration(socket: NetlinkSocket): number {
  const answers = socket.request(messageType(NFT_MSG_GETGEN), 0, Uint8Array.of(0, 0, 0, 0));
  return generationIn(answers[0]!)!.number;
}

/** The rules of one table, chain by chain in their order. */
export function listRules(socket: NetlinkSocket, family: Family, table: string): readonly RuleHandle[] {
  const wanted = encodeAttributes([[NFTA_RULE_TABLE, cString(table)]]);
  const answers = socket.dump(messageType(NFT_MSG_GETRULE), nftHeader(family), wanted);
  return answers.map(({ payload }) => ruleHandle(family, payload));
}

function ruleHandle(family: Family, payload: Uint8Array): RuleHandle {
  const attributes = decodeAttributes(payload.subarray(NFGENMSG));
  const text = (type: number) => readCString(attributes.get(type)!);
  return {
    chain: { family, table: text(NFTA_RULE_TABLE), name: text(NFTA_RULE_CHAIN) },
    handle: readBig(attributes.get(NFTA_RULE_HANDLE)),
  };
}
