/** Tables, chains and rules of nftables that come and go without its library. */
import type { Family } from '../../core/firewall/rule.ts';
import { concat, cString, packBig } from '../bytes.ts';
import type { Attribute } from './attribute.ts';
import { NLM_F_APPEND, NLM_F_CREATE } from './message.ts';
import {
  type Chain,
  NFT_MSG_DELRULE,
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWRULE,
  NFTA_LIST_ELEM,
  NFTA_RULE_CHAIN,
  NFTA_RULE_HANDLE,
  NFTA_RULE_TABLE,
  NFTA_TABLE_NAME,
  type NftRequest,
  nftRequest,
  valueAttribute,
} from './nftables.ts';

const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_NEWCHAIN = 3;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;
const NFTA_META_DREG = 1;
const NFTA_META_KEY = 2;
const NFT_META_L4PROTO = 16;
const NFTA_CMP_SREG = 1;
const NFTA_CMP_OP = 2;
const NFTA_CMP_DATA = 3;
const NFT_CMP_EQ = 0;
const NFTA_IMMEDIATE_DREG = 1;
const NFTA_IMMEDIATE_DATA = 2;
const NFTA_NAT_TYPE = 1;
const NFTA_NAT_FAMILY = 2;
const NFTA_NAT_REG_ADDR_MIN = 3;
const NFTA_NAT_REG_PROTO_MIN = 5;
const NFT_NAT_DNAT = 1;
const NFPROTO_IPV4 = 2;

const PAYLOAD_BASES = { network: 1, transport: 2 } as const;
const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

const number = (type: number, value: number): Attribute => [type, packBig(value, 4)];

/** Makes a table; one that is there stays. */
export const makeTable = (family: Family, name: string): NftRequest =>
  nftRequest(NFT_MSG_NEWTABLE, NLM_F_CREATE, family, [[NFTA_TABLE_NAME, cString(name)]]);

/** Deletes a table, which must be there, with all that is in it. */
export const deleteTable = (family: Family, name: string): NftRequest =>
  nftRequest(NFT_MSG_DELTABLE, 0, family, [[NFTA_TABLE_NAME, cString(name)]]);

/** Where packets come to a chain. */
export interface Hook {
  readonly type: string;
  readonly hook: keyof typeof HOOKS;
  readonly priority: number;
}

/** Makes a base chain that accepts what no rule decides; one that is there stays. */
export const makeChain = ({ family, table, name }: Chain, { type, hook, priority }: Hook): NftRequest =>
  nftRequest(NFT_MSG_NEWCHAIN, NLM_F_CREATE, family, [
    [NFTA_CHAIN_TABLE, cString(table)],
    [NFTA_CHAIN_NAME, cString(name)],
    [NFTA_CHAIN_HOOK, [number(NFTA_HOOK_HOOKNUM, HOOKS[hook]), number(NFTA_HOOK_PRIORITY, priority)]],
    [NFTA_CHAIN_TYPE, cString(type)],
  ]);

/** Deletes all rules of a chain. */
export const flushChain = ({ family, table, name }: Chain): NftRequest =>
  nftRequest(NFT_MSG_DELRULE, 0, family, [
    [NFTA_RULE_TABLE, cString(table)],
    [NFTA_RULE_CHAIN, cString(name)],
  ]);

/** Deletes one rule of a chain, which must be there; the kernel gives each a handle, a whole number. */
export const deleteRule = ({ family, table, name }: Chain, handle: number): NftRequest =>
  nftRequest(NFT_MSG_DELRULE, 0, family, [
    [NFTA_RULE_TABLE, cString(table)],
    [NFTA_RULE_CHAIN, cString(name)],
    [NFTA_RULE_HANDLE, concat([packBig(0, 4), packBig(handle, 4)])],
  ]);

/** A part of a rule, by the kernel's name for it. */
export type Expression = readonly [name: string, data: readonly Attribute[]];

/** Puts a rule at the end of a chain. */
export const addRule = ({ family, table, name }: Chain, expressions: readonly Expression[]): NftRequest =>
  nftRequest(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family, [
    [NFTA_RULE_TABLE, cString(table)],
    [NFTA_RULE_CHAIN, cString(name)],
    [
      NFTA_RULE_EXPRESSIONS,
      expressions.map(([expression, data]): Attribute => {
        return [
          NFTA_LIST_ELEM,
          [
            [NFTA_EXPR_NAME, cString(expression)],
            [NFTA_EXPR_DATA, data],
          ],
        ];
      }),
    ],
  ]);

/** Registers of the kernel's machine, of 16 bytes. */
const FIRST = 1;
const SECOND = 2;

const equals = (value: Uint8Array): Expression => [
  'cmp',
  [number(NFTA_CMP_SREG, FIRST), number(NFTA_CMP_OP, NFT_CMP_EQ), valueAttribute(NFTA_CMP_DATA, value)],
];

/** Goes on if the packet has `value` at `offset` (bytes) of that header. */
export const matchHeader = (
  header: keyof typeof PAYLOAD_BASES,
  offset: number,
  value: Uint8Array,
): readonly Expression[] => [
  [
    'payload',
    [
      number(NFTA_PAYLOAD_DREG, FIRST),
      number(NFTA_PAYLOAD_BASE, PAYLOAD_BASES[header]),
      number(NFTA_PAYLOAD_OFFSET, offset),
      number(NFTA_PAYLOAD_LEN, value.length),
    ],
  ],
  equals(value),
];

/** Goes on if the packet is of that protocol, by its number. */
export const matchProtocol = (protocol: number): readonly Expression[] => [
  ['meta', [number(NFTA_META_KEY, NFT_META_L4PROTO), number(NFTA_META_DREG, FIRST)]],
  equals(Uint8Array.of(protocol)),
];

/** Gives the packet another destination in IPv4. */
export const translateTo = (address: Uint8Array, port: number): readonly Expression[] => [
  ['immediate', [number(NFTA_IMMEDIATE_DREG, FIRST), valueAttribute(NFTA_IMMEDIATE_DATA, address)]],
  ['immediate', [number(NFTA_IMMEDIATE_DREG, SECOND), valueAttribute(NFTA_IMMEDIATE_DATA, packBig(port, 2))]],
  [
    'nat',
    [
      number(NFTA_NAT_TYPE, NFT_NAT_DNAT),
      number(NFTA_NAT_FAMILY, NFPROTO_IPV4),
      number(NFTA_NAT_REG_ADDR_MIN, FIRST),
      number(NFTA_NAT_REG_PROTO_MIN, SECOND),
    ],
  ],
];
