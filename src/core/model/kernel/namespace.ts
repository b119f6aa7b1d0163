/** One network namespace: its links, with the addresses, routes and settings that stand on them. */
import { isLinkLocal, parseAddress, type Version } from '../../address/address.ts';
import { containsAddress, parseCidr, printPrefix } from '../../address/prefix.ts';
import type { Family } from '../../firewall/rule.ts';
import { isLinkName } from '../../network/name.ts';
import type { AddressObject, Namespace, RouteObject, SysctlObject } from '../../plan/object.ts';
import type { Link } from '../link.ts';
import { Refusal } from './refusal.ts';
import { Sysctls } from './sysctls.ts';

/** A link with what only its making tells: the tag of a VLAN link. */
export interface KernelLink extends Link {
  readonly vlan?: number;
}

type Address = Omit<AddressObject, 'kind' | 'namespace'>;
type Route = Omit<RouteObject, 'kind' | 'namespace'>;

const LOOPBACK: KernelLink = { name: 'lo', type: 'loopback', up: false, mtu: 65_536 };
/** What loopback has while it is up. */
const LOOPBACK_ADDRESSES: readonly Address[] = [
  { link: 'lo', address: '127.0.0.1/8' },
  { link: 'lo', address: '::1/128' },
];

export class NetworkNamespace {
  readonly name: Namespace;
  readonly #links: Map<string, KernelLink>;
  #addresses: readonly Address[];
  /** Those that somebody asked for; that of an address's own subnet is there as long as the address. */
  #routes: readonly Route[];
  readonly #sysctls: Sysctls;

  /** A new namespace, or one like `base`. */
  constructor(name: Namespace, base?: NetworkNamespace) {
    this.name = name;
    this.#links = new Map(base ? base.#links : []);
    this.#addresses = base ? base.#addresses : [];
    this.#routes = base ? base.#routes : [];
    this.#sysctls = new Sysctls(base ? base.#sysctls : undefined);
    if (!base) this.addLink(LOOPBACK);
  }

  links(): readonly KernelLink[] {
    return [...this.#links.values()];
  }

  addresses(): readonly AddressObject[] {
    return this.#addresses.map((address) => ({ kind: 'address', namespace: this.name, ...address }));
  }

  routes(): readonly RouteObject[] {
    return [...this.#connected(), ...this.#routes].map((route) => ({ kind: 'route', namespace: this.name, ...route }));
  }

  sysctls(): readonly SysctlObject[] {
    return [...this.#sysctls.entries()].map(([name, value]) => ({ kind: 'sysctl', namespace: this.name, name, value }));
  }

  hasLink(name: string): boolean {
    return this.#links.has(name);
  }

  link(name: string): KernelLink {
    const link = this.#links.get(name);
    if (!link) throw new Refusal('ENODEV', name);
    return link;
  }

  addLink(link: KernelLink): void {
    if (!isLinkName(link.name)) throw new Refusal('EINVAL', `${link.name} is no name for a link`);
    if (this.hasLink(link.name)) throw new Refusal('EEXIST');
    this.#links.set(link.name, link);
    this.#sysctls.addLink(link.name);
  }

  /** Changes the link's properties; when it goes down, routes over it and IPv6 addresses go. */
  setLink(name: string, properties: Partial<KernelLink>): void {
    const before = this.link(name);
    const link = { ...before, ...properties };
    this.#links.set(name, link);
    if (before.up && !link.up) {
      this.#routes = this.#routes.filter((route) => route.link !== name);
      this.#dropAddresses(name, 6);
    }
    if (link.type === 'loopback' && link.up) this.#fillLoopback();
  }

  /** Frees a port from its bridge. */
  release(name: string): void {
    const { master: _master, hairpin: _hairpin, ...link } = this.link(name);
    this.#links.set(name, link);
  }

  removeLink(name: string): void {
    this.#links.delete(name);
    this.#addresses = this.#addresses.filter(({ link }) => link !== name);
    this.#routes = this.#routes.filter(({ link }) => link !== name);
    this.#sysctls.removeLink(name);
    for (const link of this.links()) if (link.master === name) this.release(link.name);
  }

  addAddress({ kind: _kind, namespace: _namespace, ...address }: AddressObject): void {
    const { type } = this.link(address.link);
    const cidr = parseCidr(address.address);
    if (!cidr) throw new Refusal('EINVAL', address.address);
    const isDisabled = this.#sysctls.get(`net/ipv6/conf/${address.link}/disable_ipv6`) === '1';
    if (cidr.address.version === 6 && isDisabled && type !== 'loopback') {
      throw new Refusal('EACCES', `IPv6 is disabled on ${address.link}`);
    }
    if (this.#addresses.some((other) => isAddress(other, address))) throw new Refusal('EEXIST');
    this.#addresses = [...this.#addresses, address];
  }

  removeAddress(address: AddressObject): void {
    this.#addresses = this.#addresses.filter((other) => !isAddress(other, address));
  }

  addRoute({ kind: _kind, namespace: _namespace, ...route }: RouteObject): void {
    this.#refuseRoute(route);
    if ([...this.#connected(), ...this.#routes].some((other) => isRoute(other, route))) throw new Refusal('EEXIST');
    this.#routes = [...this.#routes, route];
  }

  replaceRoute({ kind: _kind, namespace: _namespace, ...route }: RouteObject): void {
    this.#refuseRoute(route);
    this.#routes = [...this.#routes.filter((other) => !isRoute(other, route)), route];
  }

  removeRoute(route: RouteObject): void {
    this.#routes = this.#routes.filter((other) => !isRoute(other, route) || other.link !== route.link);
  }

  setSysctl(name: string, value: string): void {
    this.#sysctls.set(name, value);
    if (!name.endsWith('/disable_ipv6')) return;
    for (const { name: link } of this.links()) {
      if (this.#sysctls.get(`net/ipv6/conf/${link}/disable_ipv6`) === '1') this.#dropAddresses(link, 6);
    }
    if (this.link('lo').up) this.#fillLoopback();
  }

  /** The routes that addresses bring with them, while their links are up. */
  #connected(): Route[] {
    return this.#addresses.flatMap(({ link, address }): Route[] => {
      const { up, type } = this.link(link);
      const { prefix } = parseCidr(address)!;
      const { version } = prefix.address;
      const isHost = prefix.length === (version === 4 ? 32 : 128);
      if (!up || type === 'loopback' || (version === 4 && isHost)) return [];
      return [{ family: familyOf(version), to: printPrefix(prefix), link }];
    });
  }

  #refuseRoute({ family, via, link }: Route): void {
    if (!this.link(link).up) throw new Refusal('ENETDOWN');
    if (!via) return;
    const gateway = parseAddress(via);
    if (!gateway || familyOf(gateway.version) !== family) throw new Refusal('EINVAL', via);
    const isNear =
      (gateway.version === 6 && isLinkLocal(gateway)) ||
      this.#addresses.some((own) => own.link === link && containsAddress(parseCidr(own.address)!.prefix, gateway));
    if (!isNear) throw new Refusal(family === 'ip' ? 'ENETUNREACH' : 'EHOSTUNREACH', 'Nexthop has invalid gateway');
  }

  #dropAddresses(link: string, version: Version): void {
    this.#addresses = this.#addresses.filter((own) => own.link !== link || versionOf(own.address) !== version);
    this.#routes = this.#routes.filter((own) => own.link !== link || own.family !== familyOf(version));
  }

  #fillLoopback(): void {
    const isDisabled = this.#sysctls.get('net/ipv6/conf/lo/disable_ipv6') === '1';
    for (const wanted of LOOPBACK_ADDRESSES) {
      if (isDisabled && versionOf(wanted.address) === 6) continue;
      if (!this.#addresses.some((own) => isAddress(own, wanted))) this.#addresses = [...this.#addresses, wanted];
    }
  }
}

const versionOf = (address: string): Version => (address.includes(':') ? 6 : 4);
const familyOf = (version: Version): Family => (version === 4 ? 'ip' : 'ip6');
const isAddress = (a: Address, b: Address): boolean => a.link === b.link && a.address === b.address;
const isRoute = (a: Route, b: Route): boolean => a.family === b.family && a.to === b.to;
