/** The engine's records in memory, and drafts of their next state. */
import type { ContainerRecord } from '../container/container.ts';
import { FIRST_POOLS, type PoolCursor } from '../ipam/choose.ts';
import type { PortCursor } from '../network/bindings.ts';
import type { EndpointRecord, SandboxRecord } from '../network/endpoint.ts';
import type { NetworkRecord } from '../network/network.ts';
import type { StoreContents, StoreEntry } from './store.ts';

interface Row {
  readonly id: string;
}

/** Rows by id, and by the values that `keys` gives for each index. */
export interface Table<T extends Row> {
  get(id: string): T | undefined;
  values(): Iterable<T>;
  /** The rows whose key in that index is `key`, in the order in which they were put. */
  where(index: string, key: string): readonly T[];
}

type Keys<T> = Readonly<Record<string, (row: T) => string>>;

class StoredTable<T extends Row> implements Table<T> {
  readonly #rows = new Map<string, T>();
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  readonly #keys: Keys<T>;

  constructor(keys: Keys<T>) {
    this.#keys = keys;
    for (const index of Object.keys(keys)) this.#indexes.set(index, new Map());
  }

  get(id: string): T | undefined {
    return this.#rows.get(id);
  }

  values(): Iterable<T> {
    return this.#rows.values();
  }

  where(index: string, key: string): readonly T[] {
    const ids = this.#indexes.get(index)?.get(key);
    return ids ? [...ids].map((id) => this.#rows.get(id)!) : [];
  }

  put(row: T): void {
    const old = this.#rows.get(row.id);
    this.#rows.set(row.id, row);
    for (const [index, keyOf] of Object.entries(this.#keys)) {
      const entries = this.#indexes.get(index)!;
      const key = keyOf(row);
      const oldKey = old && keyOf(old);
      if (oldKey === key) continue;
      if (oldKey !== undefined) this.#forget(entries, oldKey, row.id);
      const ids = entries.get(key);
      if (ids) ids.add(row.id);
      else entries.set(key, new Set([row.id]));
    }
  }

  delete(id: string): void {
    const old = this.#rows.get(id);
    if (!old) return;
    this.#rows.delete(id);
    for (const [index, keyOf] of Object.entries(this.#keys)) this.#forget(this.#indexes.get(index)!, keyOf(old), id);
  }

  #forget(entries: Map<string, Set<string>>, key: string, id: string): void {
    const ids = entries.get(key);
    ids?.delete(id);
    if (ids?.size === 0) entries.delete(key);
  }
}

/** A table with changes laid over another one, which stays as it is. */
class DraftTable<T extends Row> implements Table<T> {
  readonly changed = new Map<string, T | undefined>();
  readonly #base: Table<T>;
  readonly #keys: Keys<T>;

  constructor(base: Table<T>, keys: Keys<T>) {
    this.#base = base;
    this.#keys = keys;
  }

  get(id: string): T | undefined {
    return this.changed.has(id) ? this.changed.get(id) : this.#base.get(id);
  }

  values(): Iterable<T> {
    return this.changed.size === 0 ? this.#base.values() : this.#merged();
  }

  *#merged(): Iterable<T> {
    for (const row of this.#base.values()) if (!this.changed.has(row.id)) yield row;
    for (const row of this.changed.values()) if (row) yield row;
  }

  where(index: string, key: string): readonly T[] {
    const rows: T[] = [];
    for (const row of this.#base.where(index, key)) if (!this.changed.has(row.id)) rows.push(row);
    for (const row of this.changed.values()) if (row && this.#keys[index]!(row) === key) rows.push(row);
    return rows;
  }

  put(row: T): void {
    this.changed.set(row.id, row);
  }

  delete(id: string): void {
    this.changed.set(id, undefined);
  }
}

interface Rows {
  network: NetworkRecord;
  container: ContainerRecord;
  sandbox: SandboxRecord;
  endpoint: EndpointRecord;
}

export type RecordKind = keyof Rows;

export type Records = { readonly [K in RecordKind]: Table<Rows[K]> };

const KEYS: { readonly [K in RecordKind]: Keys<Rows[K]> } = {
  network: { name: (network) => network.name, bridge: ({ bridge }) => bridge?.name ?? '' },
  container: { name: (container) => container.name },
  sandbox: { container: (sandbox) => sandbox.containerId },
  endpoint: {
    network: (endpoint) => endpoint.networkId,
    container: (endpoint) => endpoint.containerId,
    sandbox: (endpoint) => endpoint.sandboxId,
  },
};

export const RECORD_KINDS = ['network', 'container', 'sandbox', 'endpoint'] as const satisfies readonly RecordKind[];

/** The next state of the records, still to be decided on. */
export type Draft = { readonly [K in RecordKind]: DraftTable<Rows[K]> };

/** Changes to be laid over `records`, which may be a draft themselves. */
export function draftOf(records: Records): Draft {
  return {
    network: new DraftTable(records.network, KEYS.network),
    container: new DraftTable(records.container, KEYS.container),
    sandbox: new DraftTable(records.sandbox, KEYS.sandbox),
    endpoint: new DraftTable(records.endpoint, KEYS.endpoint),
  };
}

/** What was given last of what is given in turn: subnets, host ports, places in the firewall's chains. In memory only. */
export interface Given {
  readonly pools: PoolCursor;
  readonly ports: PortCursor;
  readonly sequence: number;
}

/** The records as they are. Only `commit` changes them. */
export class Ledger implements Records {
  readonly network = new StoredTable<NetworkRecord>(KEYS.network);
  readonly container = new StoredTable<ContainerRecord>(KEYS.container);
  readonly sandbox = new StoredTable<SandboxRecord>(KEYS.sandbox);
  readonly endpoint = new StoredTable<EndpointRecord>(KEYS.endpoint);

  given: Given = { pools: FIRST_POOLS, ports: {}, sequence: 0 };

  /** Rises with each commit: what was derived from the records is stale when it did. */
  version = 0;

  constructor(contents?: StoreContents) {
    for (const kind of RECORD_KINDS) {
      for (const value of contents?.records.get(kind)?.values() ?? []) this.#table(kind).put(value as never);
    }
  }

  /** The same records, to be changed on their own. */
  copy(): Ledger {
    const copy = new Ledger();
    for (const kind of RECORD_KINDS) for (const row of this[kind].values()) copy.#table(kind).put(row as never);
    copy.given = this.given;
    return copy;
  }

  draft(): Draft {
    return draftOf(this);
  }

  commit(draft: Draft): void {
    this.version++;
    for (const kind of RECORD_KINDS) {
      for (const [id, row] of draft[kind].changed) {
        if (row) this.#table(kind).put(row as never);
        else this.#table(kind).delete(id);
      }
    }
  }

  #table(kind: RecordKind): StoredTable<never> {
    return this[kind] as unknown as StoredTable<never>;
  }
}

/** What a draft changes, for the store. */
export function entries(draft: Draft): StoreEntry[] {
  return RECORD_KINDS.flatMap((kind) =>
    [...draft[kind].changed].map(([id, value]): StoreEntry =>
      value ? { op: 'put', kind, id, value } : { op: 'delete', kind, id },
    ),
  );
}
