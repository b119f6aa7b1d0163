/** What the messages to nftables, and those from it, have in common: numbers of linux/netfilter/nf_tables.h, values and verdicts. */
import type { Family } from '../../core/firewall/rule.ts';
import { cString, packBig } from '../bytes.ts';
import { AF_INET, AF_INET6 } from '../inet.ts';
import { type Attribute, encodeAttributes } from './attribute.ts';
import type { Message } from './message.ts';

/** A message of a transaction. */
export type NftRequest = Pick<Message, 'type' | 'flags' | 'payload'>;

/** A chain of a table, those too that iptables makes. */
export interface Chain {
  readonly family: Family;
  readonly table: string;
  readonly name: string;
}

const NFNL_SUBSYS_NFTABLES = 10;
export const NFT_MSG_DELTABLE = 2;
export const NFT_MSG_NEWRULE = 6;
export const NFT_MSG_GETRULE = 7;
export const NFT_MSG_DELRULE = 8;
export const NFTA_TABLE_NAME = 1;
export const NFTA_RULE_TABLE = 1;
export const NFTA_RULE_CHAIN = 2;
export const NFTA_RULE_HANDLE = 3;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
export const NFTA_LIST_ELEM = 1;

const VERDICTS: Readonly<Record<string, number>> = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 };

const FAMILY: Readonly<Record<Family, number>> = { ip: AF_INET, ip6: AF_INET6 };

export const messageType = (number: number): number => (NFNL_SUBSYS_NFTABLES << 8) | number;

/** A struct nfgenmsg. */
export const nftHeader = (family: Family): Uint8Array => Uint8Array.of(FAMILY[family], 0, 0, 0);

/** The family that a message behind such a struct is about, if it is one of these. */
export const familyOf = (payload: Uint8Array): Family | undefined =>
  payload[0] === AF_INET ? 'ip' : payload[0] === AF_INET6 ? 'ip6' : undefined;

export function nftRequest(
  number: number,
  flags: number,
  family: Family,
  attributes: readonly Attribute[],
): NftRequest {
  return { type: messageType(number), flags, payload: encodeAttributes(attributes, nftHeader(family)) };
}

export const valueAttribute = (type: number, value: Uint8Array): Attribute => [type, [[NFTA_DATA_VALUE, value]]];

/** `accept`, `goto published`. Throws TypeError for what is no verdict. */
export function verdictAttribute(type: number, text: string): Attribute {
  const [name = '', chain] = text.split(' ');
  const code = VERDICTS[name];
  if (code === undefined) throw new TypeError(`${text} is not a verdict`);
  const verdict: Attribute[] = [[NFTA_VERDICT_CODE, packBig(code, 4)]];
  if (chain !== undefined) verdict.push([NFTA_VERDICT_CHAIN, cString(chain)]);
  return [type, [[NFTA_DATA_VERDICT, verdict]]];
}
