/**
 * The handles of the host's rules of iptables, where it stands on nftables: by its handle the kernel deletes a rule
 * at once, whereas iptables reads the whole chain for it, and FORWARD has four rules of each network.
 *
 * The kernel tells of each rule that comes, in the order of the commands that made them; so what iptables-restore
 * was told to do says which rule has which handle. What was there before is learnt from a listing, by the places in it.
 */
import { KernelError } from '../core/engine/kernel.ts';
import type { Command } from '../core/firewall/restore.ts';
import type { Family } from '../core/firewall/rule.ts';
import { key } from '../core/plan/key.ts';
import type { ChainObject, RuleObject } from '../core/plan/object.ts';
import { NetlinkError } from './netlink/message.ts';
import type { Chain } from './netlink/nftables.ts';
import { deleteRule } from './netlink/rule.ts';
import {
  currentGeneration,
  generationIn,
  listRules,
  type RuleHandle,
  type RuleNotice,
  ruleNotice,
} from './netlink/ruleset.ts';
import { NETLINK_NETFILTER, NetlinkMonitor, NetlinkSocket } from './netlink/socket.ts';

/** NFNLGRP_NFTABLES, which is number 7. */
const RULES = 1 << 6;
/** Bytes: the notices of a container with 1,000 ports are some 3 MB. */
const ROOM = 8 << 20;
/** How often a deletion is tried again because somebody else changed rules meanwhile. */
const ATTEMPTS = 5;

/** Without nftables it knows of none. */
export class RuleHandles {
  #conversation: Conversation | undefined;
  /** Of one family's table. */
  readonly #tables = new Map<string, TableHandles>();
  /** The families that were listed since notices were lost. */
  readonly #listed = new Set<Family>();

  /** Begins to listen, in the namespace that the thread is in, unless it does. */
  begin(): void {
    this.#conversation ??= new Conversation();
    this.listen();
  }

  /** Takes in what has changed since the last call. False: some was lost, and nothing is known any more. */
  listen(): boolean {
    const { transactions, lost } = this.#hear();
    for (const { notices } of transactions) this.#forget(notices);
    return !lost;
  }

  /** Like `listen`, of what iptables-restore was just told to do, as far as it did it. `isTool` knows its process. */
  remember(commands: readonly Command[], isTool: (process: number) => boolean): boolean {
    const { transactions, lost } = this.#hear();
    for (const { process, notices } of transactions) {
      this.#forget(notices);
      if (!isTool(process)) continue;
      const made = notices.flatMap((notice) => (notice.kind === 'new' ? [notice] : []));
      const wanted = commands.flatMap(({ table, op, step: { object } }) =>
        table === made[0]?.chain.table && (op === 'insert' || op === 'append') && object.kind === 'rule' ? object : [],
      );
      this.#learn(wanted, made);
    }
    return !lost;
  }

  /** What `list` gives: all chains and rules of a family, the rules of a chain in their order. They are known then. */
  listed<T extends ChainObject | RuleObject>(family: Family, list: () => readonly T[]): readonly T[] {
    if (this.#listed.has(family)) return list();
    this.begin();
    const conversation = this.#conversation!;
    const { generation } = conversation;
    const objects = list();
    const rules = objects.filter((object): object is T & RuleObject => object.kind === 'rule');
    const tables = [...new Set(rules.map(({ rule }) => rule.table))];
    const handles = tables.flatMap((table) => listRules(conversation.socket, family, table));
    this.listen();
    // Else somebody changed rules meanwhile: the next listing will do.
    if (conversation.generation === generation) {
      const there = grouped(handles, ({ chain }) => `${chain.table} ${chain.name}`);
      for (const [chain, its] of grouped(rules, ({ rule }) => `${rule.table} ${rule.chain}`))
        this.#learn(its, there.get(chain) ?? []);
      this.#listed.add(family);
    }
    // Where there are no rules nobody need listen.
    if (this.#tables.size === 0) this.close();
    return objects;
  }

  /** The rule's handle, if it is known and there is one such rule alone. */
  handleOf(object: RuleObject): RuleHandle | undefined {
    const { family, table, chain: name } = object.rule;
    const chain = { family, table, name };
    const handle = this.#tables.get(tableKey(chain))?.handleOf(key(object));
    return handle === undefined ? undefined : { chain, handle };
  }

  /**
   * Deletes those that are still there, all or none. False: it was given up, as others change too many rules.
   * Throws a KernelError.
   */
  delete(handles: readonly RuleHandle[]): boolean {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      if (!this.listen()) return false;
      const there = handles.filter(({ chain, handle }) => this.#tables.get(tableKey(chain))?.has(handle));
      if (!this.#conversation || there.length === 0) return true;
      const requests = there.map(({ chain, handle }) => deleteRule(chain, handle));
      const [refusal] = this.#conversation.socket.transact(requests, this.#conversation.generation);
      if (!refusal) return true;
      if (refusal.index >= 0) throw new KernelError(refusal.error.message, undefined, refusal.error.code);
    }
    return false;
  }

  close(): void {
    this.#conversation?.close();
    this.#conversation = undefined;
    this.#tables.clear();
    this.#listed.clear();
  }

  #hear(): Heard {
    const heard = this.#conversation?.hear() ?? NOTHING;
    if (!heard.lost) return heard;
    this.#tables.clear();
    this.#listed.clear();
    return { transactions: [], lost: true };
  }

  #forget(notices: readonly RuleNotice[]): void {
    for (const notice of notices) {
      if (notice.kind === 'no-table') this.#tables.delete(tableKey(notice));
      else if (notice.kind === 'deleted') this.#tables.get(tableKey(notice.chain))?.delete(notice.handle);
    }
  }

  /** Whatever differs was not done by whom it seems, or can't be told: then nothing is known of it. */
  #learn(rules: readonly RuleObject[], handles: readonly RuleHandle[]): void {
    const isSame = ({ rule }: RuleObject, { chain }: RuleHandle) =>
      rule.family === chain.family && rule.table === chain.table && rule.chain === chain.name;
    if (rules.length !== handles.length || !rules.every((rule, index) => isSame(rule, handles[index]!))) return;
    for (const [index, rule] of rules.entries()) {
      const { chain, handle } = handles[index]!;
      let table = this.#tables.get(tableKey(chain));
      if (!table) this.#tables.set(tableKey(chain), (table = new TableHandles()));
      table.add(key(rule), handle);
    }
  }
}

const tableKey = ({ family, table }: Omit<Chain, 'name'>): string => `${family} ${table}`;

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** Of one table, by the rules' keys. */
class TableHandles {
  readonly #handles = new Map<string, readonly number[]>();
  readonly #keys = new Map<number, string>();

  add(rule: string, handle: number): void {
    if (this.has(handle)) return;
    this.#handles.set(rule, [...(this.#handles.get(rule) ?? []), handle]);
    this.#keys.set(handle, rule);
  }

  has(handle: number): boolean {
    return this.#keys.has(handle);
  }

  handleOf(rule: string): number | undefined {
    const handles = this.#handles.get(rule);
    return handles?.length === 1 ? handles[0] : undefined;
  }

  delete(handle: number): void {
    const rule = this.#keys.get(handle);
    if (rule === undefined) return;
    this.#keys.delete(handle);
    const others = this.#handles.get(rule)!.filter((its) => its !== handle);
    if (others.length > 0) this.#handles.set(rule, others);
    else this.#handles.delete(rule);
  }
}

/** What somebody did to rules, all at once. */
interface Transaction {
  readonly process: number;
  readonly notices: readonly RuleNotice[];
}

interface Heard {
  readonly transactions: readonly Transaction[];
  /** Whether there were more than there is room for. */
  readonly lost: boolean;
}

const NOTHING: Heard = { transactions: [], lost: false };

/** With nftables, in the namespace that the thread is in. */
class Conversation {
  readonly socket = new NetlinkSocket(NETLINK_NETFILTER);
  readonly #monitor = new NetlinkMonitor(NETLINK_NETFILTER, RULES, ROOM);
  /** Of a transaction whose end was not told yet. */
  #begun: RuleNotice[] = [];
  /** Of the last transaction that was heard of. */
  generation = this.#current();

  /** The transactions since the last call. */
  hear(): Heard {
    const { messages, lost } = this.#monitor.take();
    const transactions: Transaction[] = [];
    for (const message of messages) {
      const notice = ruleNotice(message);
      if (notice) this.#begun.push(notice);
      const generation = generationIn(message);
      if (!generation) continue;
      // One that was asked for may be told of later.
      this.generation = Math.max(this.generation, generation.number);
      transactions.push({ process: generation.process, notices: this.#begun });
      this.#begun = [];
    }
    if (lost) {
      this.#begun = [];
      this.generation = this.#current();
    }
    return { transactions, lost };
  }

  close(): void {
    this.#monitor.close();
    this.socket.close();
  }

  /** 0, which no transaction has, where there is no nftables. */
  #current(): number {
    try {
      return currentGeneration(this.socket);
    } catch (error) {
      if (error instanceof NetlinkError) return 0;
      throw error;
    }
  }
}
