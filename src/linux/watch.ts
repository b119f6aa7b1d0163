import type { Namespace } from '../core/plan/object.ts';
import type { Namespaces } from './namespaces.ts';
import { listLinks } from './netlink/link.ts';
import type { Message } from './netlink/message.ts';
import { isEndOfLink, linkOfNotice } from './netlink/notice.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkMonitor } from './netlink/socket.ts';

const groups = (...numbers: readonly number[]): number =>
  numbers.reduce((mask, number) => mask | (1 << (number - 1)), 0);

/** RTNLGRP_: LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE; IPV4_NETCONF and IPV6_NETCONF tell of forwarding. */
const ROUTE_GROUPS = groups(1, 5, 7, 9, 11, 24, 25);
/** NFNLGRP_NFTABLES */
const NETFILTER_GROUPS = groups(7);

const UNKNOWN = '';

/**
 * Listens for changes in one namespace: links, addresses, routes, forwarding, and rules.
 * Rules only if iptables stands on nftables: the older xtables tell nobody.
 */
export class Watch {
  readonly namespace: Namespace;
  #route: NetlinkMonitor | undefined;
  #netfilter: NetlinkMonitor | undefined;
  /** The names of links by their indexes, for what names them by index alone. */
  readonly #names = new Map<number, string>();

  constructor(namespace: Namespace) {
    this.namespace = namespace;
  }

  /**
   * The names of the links that something changed of since the last call, an empty one for what is
   * not known by a link; undefined if nothing changed. Starts to listen as soon as the namespace is
   * there, and stops when it is gone: listening would keep it alive.
   */
  changed(namespaces: Namespaces): readonly string[] | undefined {
    const there = namespaces.has(this.namespace);
    if (this.#route && this.#netfilter) {
      const { lost, messages } = this.#route.take();
      const links = this.#linksOf(messages);
      if (lost || !there) links.add(UNKNOWN);
      const hasNewRules = this.#netfilter.heard();
      if (!there) this.close();
      return links.size > 0 || hasNewRules ? [...links] : undefined;
    }
    if (!there) return undefined;
    namespaces.inside(this.namespace, () => {
      this.#route = new NetlinkMonitor(NETLINK_ROUTE, ROUTE_GROUPS);
      this.#netfilter = new NetlinkMonitor(NETLINK_NETFILTER, NETFILTER_GROUPS);
    });
    for (const { index, name } of listLinks(namespaces.route(this.namespace))) this.#names.set(index, name);
    return undefined;
  }

  close(): void {
    this.#route?.close();
    this.#netfilter?.close();
    this.#route = this.#netfilter = undefined;
    this.#names.clear();
  }

  /** The names, also of links that are told of by index first (their settings, before themselves) or last. */
  #linksOf(messages: readonly Message[]): Set<string> {
    const notices = messages.map((message) => ({ message, link: linkOfNotice(message) }));
    for (const { link } of notices) if (link?.name !== undefined) this.#names.set(link.index, link.name);
    const names = new Set(notices.map(({ link }) => link?.name ?? this.#names.get(link?.index ?? 0) ?? UNKNOWN));
    for (const { message, link } of notices) if (link && isEndOfLink(message)) this.#names.delete(link.index);
    return names;
  }
}
