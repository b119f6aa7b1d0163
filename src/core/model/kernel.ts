/** The Kernel port in memory: the engine runs on it in tests, in a browser, without root. */
import { KernelError, type Kernel, type Notice, type Presence, type Scope } from '../engine/kernel.ts';
import { TABLE } from '../firewall/nftables/sheet.ts';
import { isNftObject, isNftStep } from '../firewall/nftables/transaction.ts';
import type { FirewallStep } from '../firewall/restore.ts';
import type { Family, Table } from '../firewall/rule.ts';
import { key } from '../plan/key.ts';
import type {
  AddressObject,
  KernelObject,
  Namespace,
  NamespaceObject,
  NftObject,
  RouteObject,
} from '../plan/object.ts';
import type { LinkObject, SysctlObject } from '../plan/object.ts';
import type { Step } from '../plan/step.ts';
import type { Linux, Listener } from './linux.ts';
import { linuxOf } from './kernel/linux.ts';
import { changeLink, makeLink, removeNamespace, unmakeLink } from './kernel/links.ts';
import { observe } from './kernel/observe.ts';
import { Refusal } from './kernel/refusal.ts';
import { KernelState } from './kernel/state.ts';

type KernelStep = Step<KernelObject>;
type PlainObject = NamespaceObject | LinkObject | AddressObject | RouteObject | SysctlObject;

interface Failure {
  readonly concerns: (step: KernelStep) => boolean;
  readonly message: string;
  readonly code: string;
}

const NAMESPACES = '/run/netns/';

/** The reason of what somebody else does. */
const FOREIGN = { owner: { kind: 'engine', id: '', name: 'foreign' }, why: 'Somebody else made it.' } as const;

/**
 * A Linux with nothing but a loopback link at birth. It refuses what Linux refuses, with its words,
 * and does all steps of a change or none.
 */
export class ModelKernel implements Kernel {
  #state = new KernelState();
  #lastTransaction: readonly KernelStep[] = [];
  readonly #failures = new Set<Failure>();
  readonly #watches = new Set<{
    readonly namespace: Namespace;
    readonly changed: (change: Notice) => void;
    /** What is to be told in a moment: whether somebody else had to do with it. */
    told: { foreign: boolean } | undefined;
  }>();
  #closed = false;
  /** What was announced, in its order. */
  readonly announced: Presence[] = [];

  /** The steps that were done last by `apply`. */
  get lastTransaction(): readonly KernelStep[] {
    return this.#lastTransaction;
  }

  async apply(steps: readonly KernelStep[]): Promise<void> {
    this.#refuseClosed();
    if (steps.length === 0) return;
    this.#transact(steps, false);
    this.#lastTransaction = steps;
  }

  async observe(scope: Scope): Promise<readonly KernelObject[]> {
    this.#refuseClosed();
    return observe(this.#state, scope).filter((object) => !isNftObject(object) || tableOf(object) === TABLE);
  }

  watch(namespace: Namespace, changed: (change: Notice) => void): { close(): void } {
    const watch = { namespace, changed, told: undefined };
    this.#watches.add(watch);
    return { close: () => this.#watches.delete(watch) };
  }

  async heard(): Promise<void> {
    this.#refuseClosed();
  }

  namespacePath(sandbox: string): string {
    return NAMESPACES + sandbox;
  }

  /** The sandbox that has that path. */
  sandboxOf(path: string): string {
    return path.slice(NAMESPACES.length);
  }

  /** The model has no flows. */
  async flushUdpConntrack(): Promise<number> {
    return 0;
  }

  async announce(presence: Presence): Promise<boolean> {
    this.announced.push(presence);
    return true;
  }

  /** Everything, as the walk takes it. `listeners`: who listens in which namespace. */
  linux(listeners: ReadonlyMap<Namespace, readonly Listener[]> = new Map()): Linux {
    return linuxOf(this.#state, listeners);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watches.clear();
  }

  /** Refuses from now on each step that `concerns` picks, until that is closed. */
  fail(concerns: (step: KernelStep) => boolean, message = 'Input/output error', code = 'EIO'): { close(): void } {
    const failure = { concerns, message, code };
    this.#failures.add(failure);
    return { close: () => this.#failures.delete(failure) };
  }

  /** Makes objects as somebody else would: by the same rules, but as no change of the engine's. */
  add(...objects: readonly KernelObject[]): void {
    this.#transact(objects.map((object) => ({ op: 'add', object: { ...object, ...FOREIGN } })));
  }

  /** Removes objects as somebody else would. */
  remove(...objects: readonly KernelObject[]): void {
    this.#transact(objects.map((object) => ({ op: 'remove', object: { ...object, ...FOREIGN } })));
  }

  /** Puts a network card into the host, whose cable leads out of the model. */
  plug(name: string): void {
    const next = new KernelState(this.#state);
    next.writable('host').addLink({ name, type: 'other', up: true, mtu: 1500, mac: next.nextMac() });
    this.#become(next, new Set(['host']));
  }

  /** Empties a table, as `iptables -F` does. */
  flush(family: Family, table: Table): void {
    const next = new KernelState(this.#state);
    next.firewall.flush(family, table);
    this.#become(next, new Set(['host']));
  }

  #transact(steps: readonly KernelStep[], foreign = true): void {
    const next = new KernelState(this.#state);
    for (const run of runs(steps)) {
      for (const step of run) {
        const failure = [...this.#failures].find(({ concerns }) => concerns(step));
        if (failure) throw refusal(step, failure);
      }
      if (run.every(isFirewall)) next.firewall.apply(run, refusal);
      else if (run.every(isNftStep)) next.nftables.apply(run, refusal);
      else for (const step of run) perform(next, step as Step<PlainObject>);
    }
    this.#become(
      next,
      new Set(steps.map(({ object }) => ('namespace' in object ? object.namespace : 'host'))),
      foreign,
    );
  }

  #become(state: KernelState, changed: ReadonlySet<Namespace>, foreign = true): void {
    this.#state = state;
    for (const watch of this.#watches) {
      if (!changed.has(watch.namespace)) continue;
      if (watch.told) {
        watch.told.foreign ||= foreign;
        continue;
      }
      const told = (watch.told = { foreign });
      queueMicrotask(() => {
        watch.told = undefined;
        if (this.#watches.has(watch)) watch.changed({ links: [''], ...told });
      });
    }
  }

  #refuseClosed(): void {
    if (this.#closed) throw new Error('the kernel port is closed');
  }
}

const tableOf = (object: NftObject): string => (object.kind === 'nft-table' ? object.name : object.table);

function isFirewall(step: KernelStep): step is FirewallStep {
  return step.object.kind === 'chain' || step.object.kind === 'rule';
}

/** Consecutive steps of one firewall are one transaction. */
function runs(steps: readonly KernelStep[]): KernelStep[][] {
  const result: KernelStep[][] = [];
  for (const step of steps) {
    const last = result.at(-1);
    const isSameFirewall = [isFirewall, isNftStep].some((isIts) => last && isIts(last[0]!) && isIts(step));
    if (last && isSameFirewall) last.push(step);
    else result.push([step]);
  }
  return result;
}

function refusal(step: KernelStep, error: unknown): KernelError {
  const { message, code } = error as Failure | Refusal;
  return new KernelError(`${step.op} ${key(step.object)}: ${message}`, step, code);
}

function perform(state: KernelState, step: Step<PlainObject>): void {
  try {
    if (step.op === 'add') add(state, step.object);
    else if (step.op === 'remove') remove(state, step.object);
    else change(state, step.before, step.object);
  } catch (error) {
    throw error instanceof Refusal ? refusal(step, error) : error;
  }
}

function add(state: KernelState, object: PlainObject): void {
  switch (object.kind) {
    case 'namespace':
      return state.addNamespace(object.id);
    case 'link':
      return makeLink(state, object);
    case 'address':
      return state.writable(object.namespace).addAddress(object);
    case 'route':
      return state.writable(object.namespace).addRoute(object);
    case 'sysctl':
      return state.writable(object.namespace).setSysctl(object.name, object.value);
  }
}

/** What has gone already is as it should be. */
function remove(state: KernelState, object: PlainObject): void {
  if (object.kind === 'namespace') return removeNamespace(state, object.id);
  if (object.kind === 'link') return unmakeLink(state, object);
  if (!state.has(object.namespace)) return;
  if (object.kind === 'address') state.writable(object.namespace).removeAddress(object);
  if (object.kind === 'route') state.writable(object.namespace).removeRoute(object);
  // A setting that is no longer asked for stays as it is.
}

function change(state: KernelState, before: PlainObject, object: PlainObject): void {
  if (object.kind === 'link' && before.kind === 'link') return changeLink(state, before, object);
  if (object.kind === 'route') return state.writable(object.namespace).replaceRoute(object);
  // An address keeps its broadcast address for life.
  remove(state, before);
  add(state, object);
}
