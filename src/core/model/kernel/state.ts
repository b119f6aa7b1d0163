/** The whole state of a kernel in memory. */
import type { Namespace } from '../../plan/object.ts';
import { Firewall } from './firewall.ts';
import { NetworkNamespace } from './namespace.ts';
import { NftTables } from './nftables.ts';
import { Refusal } from './refusal.ts';

export class KernelState {
  readonly firewall: Firewall;
  readonly nftables: NftTables;
  readonly #namespaces: Map<Namespace, NetworkNamespace>;
  /** The namespaces that no other state has: only these may be written. */
  readonly #own = new Set<Namespace>();
  #macs: number;

  /** A new host, or one like `base`, of which it copies what is written. */
  constructor(base?: KernelState) {
    this.firewall = new Firewall(base?.firewall);
    this.nftables = new NftTables(base?.nftables);
    this.#namespaces = new Map(base ? base.#namespaces : [['host', new NetworkNamespace('host')]]);
    this.#macs = base ? base.#macs : 0;
  }

  /** The sandboxes that have a namespace. */
  sandboxes(): readonly string[] {
    return [...this.#namespaces.keys()].filter((name) => name !== 'host');
  }

  has(name: Namespace): boolean {
    return this.#namespaces.has(name);
  }

  namespace(name: Namespace): NetworkNamespace {
    const namespace = this.#namespaces.get(name);
    if (!namespace) throw new Refusal('ENOENT', `sandbox ${name} has no network namespace`);
    return namespace;
  }

  /** The namespace, to be written. */
  writable(name: Namespace): NetworkNamespace {
    const namespace = this.namespace(name);
    if (this.#own.has(name)) return namespace;
    const copy = new NetworkNamespace(name, namespace);
    this.#namespaces.set(name, copy);
    this.#own.add(name);
    return copy;
  }

  namespaces(): readonly NetworkNamespace[] {
    return [...this.#namespaces.values()];
  }

  addNamespace(sandbox: string): void {
    if (this.has(sandbox)) throw new Refusal('EEXIST');
    this.#namespaces.set(sandbox, new NetworkNamespace(sandbox));
    this.#own.add(sandbox);
  }

  /** Its links must have gone before. */
  deleteNamespace(sandbox: string): void {
    this.#namespaces.delete(sandbox);
  }

  /** For a link that nobody chose an address for: always another one, and locally administered. */
  nextMac(): string {
    this.#macs += 1;
    const digits = this.#macs.toString(16).padStart(8, '0');
    return `0a:00:${digits.match(/../g)!.join(':')}`;
  }
}
