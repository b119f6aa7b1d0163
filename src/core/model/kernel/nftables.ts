/** The tables of nftables on the host, with what a transaction does to them. */
import type { Json } from '../../firewall/nft/ruleset.ts';
import type { NftStep } from '../../firewall/nftables/transaction.ts';
import { key, nftSetKey } from '../../plan/key.ts';
import type { NftChainObject, NftObject } from '../../plan/object.ts';
import { Refusal } from './refusal.ts';

export class NftTables {
  readonly #objects: Map<string, NftObject>;

  /** A new host's, which has none, or those like `base`. */
  constructor(base?: NftTables) {
    this.#objects = new Map(base ? base.#objects : []);
  }

  objects(): readonly NftObject[] {
    return [...this.#objects.values()];
  }

  /**
   * Does the steps as one transaction does, each in the phase that it belongs to, whatever their order;
   * `refused` makes the error of the step that cannot be done.
   */
  apply(steps: readonly NftStep[], refused: (step: NftStep, error: unknown) => Error): void {
    for (const phase of PHASES) {
      for (const step of steps) {
        try {
          phase(this, step);
        } catch (error) {
          throw refused(step, error);
        }
      }
    }
    // Whoever leads somewhere is asked when all is as it will be.
    for (const step of steps) {
      if (step.op !== 'remove') this.#refuseLeadingNowhere(step, refused);
    }
  }

  create(object: NftObject): void {
    const its = key(object);
    if (this.#objects.has(its)) throw new Refusal('EEXIST');
    if (object.kind !== 'nft-table') this.#require(`nft-table ${object.family} ${object.table}`);
    if (object.kind === 'nft-element') this.#require(nftSetKey(object));
    this.#objects.set(its, bare(object));
  }

  /** Writes a chain anew, which is made if it has gone. */
  write(object: NftChainObject): void {
    this.#objects.set(key(object), bare(object));
  }

  /** What has gone already is as it should be. A table takes along what is in it, a set its elements. */
  delete(object: NftObject): void {
    if (object.kind === 'nft-chain' || object.kind === 'nft-set') this.#refuseUsed(object);
    this.#objects.delete(key(object));
    for (const [its, other] of this.#objects) {
      const isInside =
        object.kind === 'nft-table'
          ? other.kind !== 'nft-table' && other.family === object.family && other.table === object.name
          : other.kind === 'nft-element' && nftSetKey(other) === key(object);
      if (isInside) this.#objects.delete(its);
    }
  }

  #require(its: string): void {
    if (!this.#objects.has(its)) throw new Refusal('ENOENT', its);
  }

  #refuseUsed({ family, table, name, kind }: Extract<NftObject, { readonly table: string; readonly name: string }>) {
    const word = kind === 'nft-set' ? `@${name}` : name;
    for (const other of this.#objects.values()) {
      if (other.kind === 'nft-table' || other.family !== family || other.table !== table) continue;
      if ('name' in other && other.name === name) continue;
      if (ways(other).has(word)) throw new Refusal('EBUSY', `${key(other)} leads to ${name}`);
    }
  }

  #refuseLeadingNowhere(step: NftStep, refused: (step: NftStep, error: unknown) => Error): void {
    const { object } = step;
    if (object.kind === 'nft-table' || !this.#objects.has(key(object))) return;
    for (const way of ways(object)) {
      const kind = way.startsWith('@') ? 'nft-set' : 'nft-chain';
      const its = `${kind} ${object.family} ${object.table} ${way.replace(/^@/, '')}`;
      if (!this.#objects.has(its)) throw refused(step, new Refusal('ENOENT', its));
    }
  }
}

type Phase = (tables: NftTables, step: NftStep) => void;

const making =
  (kind: NftObject['kind']): Phase =>
  (tables, { op, object }) => {
    if (op === 'add' && object.kind === kind) tables.create(object);
  };

const removing =
  (kind: NftObject['kind']): Phase =>
  (tables, { op, object }) => {
    if (op === 'remove' && object.kind === kind) tables.delete(object);
  };

const PHASES: readonly Phase[] = [
  making('nft-table'),
  making('nft-set'),
  making('nft-chain'),
  (tables, { op, object }) => {
    if (op !== 'add' && object.kind === 'nft-element') tables.delete(object);
  },
  (tables, { op, object }) => {
    if (op === 'change' && object.kind === 'nft-chain') tables.write(object);
  },
  (tables, { op, object }) => {
    if (op !== 'remove' && object.kind === 'nft-element') tables.create(object);
  },
  removing('nft-chain'),
  removing('nft-set'),
  removing('nft-table'),
];

/** The object as the kernel tells it: without reasons. */
function bare(object: NftObject): NftObject {
  const { owner: _owner, why: _why, ...rest } = object as NftObject & { owner?: unknown; why?: unknown };
  if (rest.kind !== 'nft-chain') return rest;
  return { ...rest, rules: rest.rules.map(({ reason: _reason, ...rule }) => rule) };
}

/** The chains that a chain's rules or an element lead to, and with `@` the sets that they look into. */
function ways(object: NftObject): ReadonlySet<string> {
  if (object.kind === 'nft-element') return new Set(object.verdict?.split(' ').slice(1));
  const found = new Set<string>();
  if (object.kind === 'nft-chain') for (const { statements } of object.rules) collect(statements, found);
  return found;
}

function collect(json: Json, found: Set<string>): void {
  if (typeof json === 'string' && json.startsWith('@')) found.add(json);
  if (typeof json !== 'object' || json === null) return;
  for (const [name, inside] of Object.entries(json)) {
    if (name === 'target' && typeof inside === 'string') found.add(inside);
    else collect(inside, found);
  }
}
