/** Who is known by which name on the user-defined networks: what the sandboxes' name servers ask. */
import { hostAddress } from '../address/prefix.ts';
import type { EndpointRecord } from '../network/endpoint.ts';
import type { NetworkRecord } from '../network/network.ts';
import { isPredefined } from '../network/resolve.ts';
import { parseResolvConf } from './etc.ts';
import type { NameAnswer, Names, Upstream } from './names.ts';
import type { Ledger } from './records.ts';

const MAX_SERVERS = 3;

/** One network's members: lower-case name -> endpoints, address -> the name told for it. */
interface Members {
  readonly byName: ReadonlyMap<string, readonly EndpointRecord[]>;
  readonly byAddress: ReadonlyMap<string, string>;
}

export class Directory implements Names {
  readonly #ledger: Ledger;
  /** The servers that the daemon's configuration names. */
  readonly #servers: readonly string[];
  /** The host's resolv.conf as it was read last. */
  #hostServers: readonly string[] = [];
  /** Made when asked for, dropped when the records change. */
  #members = new Map<string, Members>();
  #version = -1;

  constructor(ledger: Ledger, servers: readonly string[]) {
    this.#ledger = ledger;
    this.#servers = servers;
  }

  /** Tells the directory the host's resolv.conf, at the start and when it changes. */
  useResolvConf(text: string): void {
    this.#hostServers = parseResolvConf(text).servers;
  }

  lookup(sandbox: string, name: string): NameAnswer | undefined {
    const wanted = name.toLowerCase();
    const found: EndpointRecord[] = [];
    for (const { own, network } of this.#networksOf(sandbox)) {
      const { byName } = this.#membersOf(network);
      const suffix = `.${network.name.toLowerCase()}`;
      found.push(...this.#linked(own, wanted));
      found.push(...(byName.get(wanted) ?? []));
      if (wanted.endsWith(suffix)) found.push(...(byName.get(wanted.slice(0, -suffix.length)) ?? []));
      // The first network that knows the name answers, as in Docker.
      if (found.length > 0) break;
    }
    if (found.length === 0) return undefined;
    const addresses = (of: (endpoint: EndpointRecord) => string): string[] => [
      ...new Set(found.map(of).filter(Boolean).map(hostAddress)),
    ];
    return { ipv4: addresses(({ ipv4 }) => ipv4), ipv6: addresses(({ ipv6 }) => ipv6) };
  }

  reverse(sandbox: string, address: string): string | undefined {
    for (const { network } of this.#networksOf(sandbox)) {
      const name = this.#membersOf(network).byAddress.get(address);
      if (name) return `${name}.${network.name}`;
    }
    return undefined;
  }

  upstream(sandbox: string): Upstream {
    const record = this.#ledger.sandbox.get(sandbox);
    const container = record && this.#ledger.container.get(record.containerId);
    if (!container) return { servers: [] };
    const { Dns } = container.hostConfig;
    const own = Dns?.length ? Dns : this.#servers;
    if (own.length > 0) {
      return { servers: own.slice(0, MAX_SERVERS).map((address) => ({ address, from: 'sandbox' })) };
    }
    // A sandbox without a way out must not get one through the host's resolver (CVE-2024-29018).
    const isInside = this.#networksOf(sandbox).every(({ network }) => network.internal);
    if (isInside) return { servers: [] };
    return { servers: this.#hostServers.slice(0, MAX_SERVERS).map((address) => ({ address, from: 'host' })) };
  }

  /** `container:alias` links of one endpoint are names for it alone. */
  #linked(own: EndpointRecord, wanted: string): readonly EndpointRecord[] {
    return own.links.flatMap((link) => {
      const [target, alias] = link.split(':');
      if ((alias ?? target)?.toLowerCase() !== wanted) return [];
      const container = this.#ledger.container.where('name', target!)[0] ?? this.#ledger.container.get(target!);
      return this.#ledger.endpoint
        .where('network', own.networkId)
        .filter(({ containerId }) => containerId === container?.id);
    });
  }

  #networksOf(sandbox: string): { own: EndpointRecord; network: NetworkRecord }[] {
    return this.#ledger.endpoint.where('sandbox', sandbox).flatMap((own) => {
      const network = this.#ledger.network.get(own.networkId);
      return network && !isPredefined(network.name) ? [{ own, network }] : [];
    });
  }

  #membersOf(network: NetworkRecord): Members {
    if (this.#version !== this.#ledger.version) {
      this.#members = new Map();
      this.#version = this.#ledger.version;
    }
    const known = this.#members.get(network.id);
    if (known) return known;
    const byName = new Map<string, EndpointRecord[]>();
    const byAddress = new Map<string, string>();
    for (const endpoint of this.#ledger.endpoint.where('network', network.id)) {
      const container = this.#ledger.container.get(endpoint.containerId);
      if (!container) continue;
      const names = [container.name, container.id.slice(0, 12), container.config.Hostname, ...endpoint.aliases];
      for (const name of new Set(names.map((text) => text.toLowerCase()).filter(Boolean))) {
        const holders = byName.get(name);
        if (holders) holders.push(endpoint);
        else byName.set(name, [endpoint]);
      }
      for (const address of [endpoint.ipv4, endpoint.ipv6])
        if (address) byAddress.set(hostAddress(address), container.name);
    }
    const members = { byName, byAddress };
    this.#members.set(network.id, members);
    return members;
  }
}
