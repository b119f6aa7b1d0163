/** A host as a set of objects, on which steps are done and links and namespaces take their contents along. */
import { Chains } from '../firewall/chains.fixture.ts';
import { containers, key, keysOf } from './key.ts';
import {
  type ChainObject,
  type Desired,
  type HostObject,
  isKernel,
  type KernelObject,
  type RuleObject,
} from './object.ts';
import type { Step } from './step.ts';

type Other = Exclude<HostObject, ChainObject | RuleObject>;

export class ObjectSet {
  readonly chains = new Chains();
  readonly objects = new Map<string, Other>();

  apply(steps: readonly Step[]): void {
    const firewall = steps.filter(({ object }) => isFirewall(object));
    const start = steps.findIndex(({ object }) => isFirewall(object));
    const run = start < 0 ? [] : steps.slice(start, start + firewall.length);
    if (!run.every(({ object }) => isFirewall(object))) throw new Error('the firewall steps are not one run');
    for (const step of steps) if (!isFirewall(step.object)) this.#apply(step as Step<Other>);
    this.chains.apply(firewall as Step<ChainObject | RuleObject>[]);
  }

  #apply({ op, object }: Step<Other>): void {
    const its = key(object);
    const there = this.objects.has(its);
    if (op === 'add') {
      if (there && object.kind !== 'sysctl') throw new Error(`exists: ${its}`);
      this.#requireContainers(object);
      this.#put(object);
    } else if (op === 'change') {
      if (!there) throw new Error(`is not there: ${its}`);
      this.#put(object);
    } else {
      if (!there && object.kind !== 'sysctl') throw new Error(`is not there: ${its}`);
      const gone = new Set(keysOf(object));
      for (const [other, candidate] of this.objects) {
        if (gone.has(other) || containers(candidate).some((container) => gone.has(container))) {
          this.objects.delete(other);
        }
      }
    }
  }

  /** Links and sandboxes must be there; `all` and `default` are no links, and the host is no sandbox. */
  #requireContainers(object: Other): void {
    const links = new Set([...this.objects.values()].flatMap(keysOf));
    for (const container of containers(object)) {
      if (/ (host|all|default)$/.test(container) || links.has(container)) continue;
      throw new Error(`${key(object)} has no ${container}`);
    }
  }

  #put(desired: Desired<Other>): void {
    const { owner: _owner, why: _why, ...object } = desired;
    this.objects.set(key(desired), object);
  }

  /** What `Kernel.observe` would tell. */
  observe(): KernelObject[] {
    const others = [...this.objects.values()].filter((object) => isKernel(object));
    return [...others, ...this.chains.observe()];
  }

  /** Comparable: objects by key, chains with their rules in order, but for those of raw, which have none. */
  content(): unknown {
    const objects = [...this.objects].toSorted(([a], [b]) => a.localeCompare(b));
    const rules = [...this.chains.rules].map(([its, list]) => [its, its.includes(' raw ') ? list.toSorted() : list]);
    return { objects, rules: Object.fromEntries(rules), policies: Object.fromEntries(this.chains.policies) };
  }
}

function isFirewall({ kind }: HostObject): boolean {
  return kind === 'rule' || kind === 'chain';
}
