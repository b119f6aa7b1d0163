/** The files of a container's /etc that its network decides: hosts, hostname, resolv.conf. */
import type { ContainerRecord } from '../container/container.ts';
import { hostAddress } from '../address/prefix.ts';
import { EngineError } from '../network/error.ts';
import { isPredefined } from '../network/resolve.ts';
import type { Context } from './context.ts';
import { endpointsOf } from './endpoints.ts';
import {
  hostsFile,
  insideResolvConf,
  outsideResolvConf,
  parseResolvConf,
  printResolvConf,
  RESOLVER_ADDRESS,
  updateHosts,
  type HostsEntry,
} from './etc.ts';
import { linkAliases, linkedContainers } from './links.ts';
import { findContainer } from './lookup.ts';
import type { Records } from './records.ts';

export class ContainerFiles {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Writes those of a container that is to be started. */
  async write(containerId: string): Promise<void> {
    const { ledger, runtime, host } = this.#context;
    const container = findContainer(ledger, containerId);
    const { NetworkMode, ExtraHosts } = container.hostConfig;
    // A container in another's namespace shares that one's files.
    if (NetworkMode.startsWith('container:')) return;
    const { Hostname, Domainname } = container.config;
    // As with Docker, whoever is on the host knows what the host knows, unless names are asked for.
    const hosts =
      NetworkMode === 'host' && !ExtraHosts?.length
        ? await host.hosts()
        : hostsFile([...this.#extraHosts(container), ...addressesOf(ledger, container)]);
    await runtime.writeEtc(containerId, 'hosts', hosts);
    await runtime.writeEtc(containerId, 'hostname', `${Hostname}${Domainname ? `.${Domainname}` : ''}\n`);
    await runtime.writeEtc(containerId, 'resolv.conf', await this.#resolvConf(container));
  }

  /** Brings those of a running container up to date. What was written into them since its start stays. */
  async update(containerId: string): Promise<void> {
    const { ledger, runtime } = this.#context;
    const container = findContainer(ledger, containerId);
    if (container.hostConfig.NetworkMode.startsWith('container:')) return;
    const owned = new Set([ownNames(container)[0]!, ...linkAliases(container)]);
    const hosts = await runtime.readEtc(containerId, 'hosts');
    const updated = updateHosts(hosts, addressesOf(ledger, container), owned);
    if (updated !== hosts) await runtime.writeEtc(containerId, 'hosts', updated);
    const { servers } = parseResolvConf(await runtime.readEtc(containerId, 'resolv.conf'));
    if (servers.includes(RESOLVER_ADDRESS) !== hasResolver(ledger, containerId))
      await runtime.writeEtc(containerId, 'resolv.conf', await this.#resolvConf(container));
  }

  async #resolvConf(container: ContainerRecord): Promise<string> {
    const { ledger, host, settings } = this.#context;
    const { Dns, DnsSearch, DnsOptions, NetworkMode } = container.hostConfig;
    const asked = {
      dns: Dns?.length ? Dns : settings.dns,
      dnsSearch: DnsSearch?.length ? DnsSearch : settings.dnsSearch,
      dnsOptions: DnsOptions?.length ? DnsOptions : settings.dnsOptions,
    };
    const text = await host.resolvConf();
    if (NetworkMode === 'host' && !asked.dns.length) return text;
    const conf = hasResolver(ledger, container.id) ? insideResolvConf : outsideResolvConf;
    return printResolvConf(conf(parseResolvConf(text), asked));
  }

  #extraHosts({ hostConfig }: ContainerRecord): HostsEntry[] {
    const { ledger, settings } = this.#context;
    return (hostConfig.ExtraHosts ?? []).map((extra) => {
      const at = extra.indexOf(':');
      const address = extra.slice(at + 1);
      const bridge = ledger.network.where('name', 'bridge')[0];
      const gateway = settings.hostGateway || bridge?.ipam.pools[0]?.gateway;
      if (address === 'host-gateway' && !gateway) {
        throw new EngineError('invalid', 'unable to derive the IP value for host-gateway');
      }
      return { address: address === 'host-gateway' ? gateway! : address, names: [extra.slice(0, at)] };
    });
  }
}

/** Whether our name server answers in the container. */
function hasResolver(records: Records, containerId: string): boolean {
  return endpointsOf(records, containerId).some(({ network }) => !isPredefined(network.name));
}

/** What changes while the container runs: the addresses of the containers that it is linked to, and its own. */
function addressesOf(records: Records, container: ContainerRecord): HostsEntry[] {
  const linked = linkedContainers(records, container).map(({ alias, address, container: other }) => ({
    address,
    names: [...new Set([alias, other.config.Hostname, other.name])],
  }));
  const names = ownNames(container);
  const own = endpointsOf(records, container.id).flatMap(({ endpoint: { ipv4, ipv6 } }) =>
    [ipv4, ipv6].filter(Boolean).map((address) => ({ address: hostAddress(address), names })),
  );
  return [...linked, ...own];
}

/** A container's own names in its hosts file. */
function ownNames({ config: { Hostname, Domainname } }: ContainerRecord): readonly string[] {
  return Domainname ? [`${Hostname}.${Domainname}`, Hostname] : [Hostname];
}
