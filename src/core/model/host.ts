import type { Host } from '../engine/host.ts';

interface HostFacts {
  readonly resolvConf: string;
  readonly hostname: string;
  readonly hosts: string;
  readonly linkNames: () => readonly string[];
  readonly ephemeralPorts: { readonly from: number; readonly to: number };
  readonly uniqueLocalDigits: string;
}

/** A machine that is what it is told to be. */
export class ModelHost implements Host {
  facts: HostFacts;
  readonly #watches = new Set<() => void>();

  constructor(facts: Partial<HostFacts> = {}) {
    this.facts = {
      resolvConf: 'nameserver 192.0.2.53\n',
      hostname: 'host',
      hosts: '127.0.0.1\tlocalhost\n',
      linkNames: () => ['lo', 'eth0'],
      ephemeralPorts: { from: 32_768, to: 60_999 },
      uniqueLocalDigits: '0123456789',
      ...facts,
    };
  }

  /** From now on these are the facts. */
  change(facts: Partial<HostFacts>): void {
    this.facts = { ...this.facts, ...facts };
    for (const changed of this.#watches) changed();
  }

  watchResolvConf(changed: () => void): { close(): void } {
    this.#watches.add(changed);
    return { close: () => this.#watches.delete(changed) };
  }

  async resolvConf(): Promise<string> {
    return this.facts.resolvConf;
  }

  hostname(): string {
    return this.facts.hostname;
  }

  async hosts(): Promise<string> {
    return this.facts.hosts;
  }

  async linkNames(): Promise<readonly string[]> {
    return this.facts.linkNames();
  }

  async ephemeralPorts(): Promise<{ readonly from: number; readonly to: number }> {
    return this.facts.ephemeralPorts;
  }

  async uniqueLocalDigits(): Promise<string> {
    return this.facts.uniqueLocalDigits;
  }
}
