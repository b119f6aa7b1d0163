import type { Namespace } from '../core/plan/object.ts';
import type { Namespaces } from './namespaces.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkMonitor } from './netlink/socket.ts';

const groups = (...numbers: readonly number[]): number =>
  numbers.reduce((mask, number) => mask | (1 << (number - 1)), 0);

/** RTNLGRP_: LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE; IPV4_NETCONF and IPV6_NETCONF tell of forwarding. */
const ROUTE_GROUPS = groups(1, 5, 7, 9, 11, 24, 25);
/** NFNLGRP_NFTABLES */
const NETFILTER_GROUPS = groups(7);

/**
 * Listens for changes in one namespace: links, addresses, routes, forwarding, and rules.
 * Rules only if iptables stands on nftables: the older xtables tell nobody.
 */
export class Watch {
  readonly namespace: Namespace;
  #monitors: readonly NetlinkMonitor[] = [];

  constructor(namespace: Namespace) {
    this.namespace = namespace;
  }

  /**
   * Whether something changed since the last call. Starts to listen as soon as the namespace is
   * there, and stops when it is gone: listening would keep it alive.
   */
  changed(namespaces: Namespaces): boolean {
    const there = namespaces.has(this.namespace);
    if (this.#monitors.length > 0) {
      const changed = this.#monitors.map((monitor) => monitor.heard()).includes(true);
      if (!there) this.close();
      return changed || !there;
    }
    if (!there) return false;
    this.#monitors = namespaces.inside(this.namespace, () => [
      new NetlinkMonitor(NETLINK_ROUTE, ROUTE_GROUPS),
      new NetlinkMonitor(NETLINK_NETFILTER, NETFILTER_GROUPS),
    ]);
    return false;
  }

  close(): void {
    for (const monitor of this.#monitors) monitor.close();
    this.#monitors = [];
  }
}
