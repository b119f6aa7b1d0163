import type { Notice } from '../core/engine/kernel.ts';
import type { KernelObject, Namespace } from '../core/plan/object.ts';
import type { Step } from '../core/plan/step.ts';
import type { Namespaces } from './namespaces.ts';
import { decodeLink, type Link, listLinks, portMode } from './netlink/link.ts';
import type { Message } from './netlink/message.ts';
import { isDeed, isEndOfLink, isLink, isPort, isSetting, linkOfNotice } from './netlink/notice.ts';
import { generationIn } from './netlink/ruleset.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkMonitor } from './netlink/socket.ts';

const groups = (...numbers: readonly number[]): number =>
  numbers.reduce((mask, number) => mask | (1 << (number - 1)), 0);

/** RTNLGRP_: LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE; IPV4_NETCONF and IPV6_NETCONF tell of forwarding. */
const ROUTE_GROUPS = groups(1, 5, 7, 9, 11, 24, 25);
/** NFNLGRP_NFTABLES */
const NETFILTER_GROUPS = groups(7);

const UNKNOWN = '';

/** What `apply` did in a namespace just now, and what is told of it is no news. */
export interface Own {
  /** The links that it was about; an empty name for settings of none. */
  readonly links: ReadonlySet<string>;
  /** Those of them that were removed: the kernel tells of their end when it has done with them. */
  readonly removed: readonly string[];
  /** Whether it gave iptables something to do. */
  readonly hasRules: boolean;
}

/** `areDone`: whether the steps were done, and not refused and taken back. */
export function ownIn(namespace: Namespace, steps: readonly Step<KernelObject>[], areDone: boolean): Own {
  const objects = steps.flatMap((step) => (step.op === 'change' ? [step.object, step.before] : [step.object]));
  return {
    links: new Set(objects.flatMap((object) => linksOf(object, namespace))),
    removed: areDone ? steps.flatMap((step) => removedBy(step, namespace)) : [],
    hasRules: namespace === 'host' && objects.some(({ kind }) => kind === 'rule' || kind === 'chain'),
  };
}

/** Somebody else's bridge stays, and so does a loopback link. */
function removedBy({ op, object }: Step<KernelObject>, namespace: Namespace): readonly string[] {
  if (op !== 'remove' || object.kind !== 'link' || object.namespace !== namespace) return [];
  return object.type === 'loopback' || (object.type === 'bridge' && object.foreign) ? [] : [object.name];
}

/** The links of the namespace that are told of when that object comes, changes or goes. */
function linksOf(object: KernelObject, namespace: Namespace): readonly string[] {
  switch (object.kind) {
    case 'link': {
      const ends = object.type === 'veth' ? [object, object.peer] : [object];
      const names = ends.flatMap((end) => (end.namespace === namespace ? [end.name] : []));
      return object.type === 'veth' && object.master !== undefined ? [...names, object.master] : names;
    }
    case 'address':
    case 'route':
      return object.namespace === namespace ? [object.link] : [];
    case 'sysctl': {
      // net/ipv6/conf/eth0/disable_ipv6; what is said of all and of those to come names no link.
      const [, , group, link = ''] = object.name.split('/');
      return object.namespace === namespace
        ? [group === 'conf' && !/^(?:all|default)$/.test(link) ? link : UNKNOWN]
        : [];
    }
    default:
      return [];
  }
}

/**
 * Listens for changes in one namespace: links, addresses, routes, forwarding, and rules.
 * Rules only if iptables stands on nftables: the older xtables tell nobody, so that beside them each
 * change of ours is a reason to look for others.
 */
export class Watch {
  readonly namespace: Namespace;
  readonly #isOwn: (process: number) => boolean;
  #route: NetlinkMonitor | undefined;
  #netfilter: NetlinkMonitor | undefined;
  /** The names of links by their indexes, for what names them by index alone. */
  readonly #names = new Map<number, string>();
  /** Links that we have removed, and whose end is still to be told. */
  readonly #ending = new Set<string>();
  /** What was said of links and ports last: most of what is told of them is about their carrier. */
  readonly #settings = new Map<string, string>();

  /** `isOwn` knows the processes and threads of ours that change rules. */
  constructor(namespace: Namespace, isOwn: (process: number) => boolean) {
    this.namespace = namespace;
    this.#isOwn = isOwn;
  }

  /**
   * What changed since the last call; undefined if nothing did. Starts to listen as soon as the namespace is
   * there, and stops when it is gone: listening would keep it alive.
   */
  changed(namespaces: Namespaces, own?: Own): Notice | undefined {
    const there = namespaces.has(this.namespace);
    if (this.#route && this.#netfilter) {
      const changes = this.#linksOf(this.#route.take(), own);
      const rules = this.#rulesOf(this.#netfilter.take(), own);
      if (!there) {
        this.close();
        return { links: [...changes.links, UNKNOWN], foreign: true };
      }
      if (changes.links.length === 0 && !rules.changed) return undefined;
      return { links: changes.links, foreign: changes.foreign || rules.foreign };
    }
    if (!there) return undefined;
    namespaces.inside(this.namespace, () => {
      this.#route = new NetlinkMonitor(NETLINK_ROUTE, ROUTE_GROUPS);
      this.#netfilter = new NetlinkMonitor(NETLINK_NETFILTER, NETFILTER_GROUPS);
    });
    for (const link of listLinks(namespaces.route(this.namespace))) {
      this.#names.set(link.index, link.name);
      this.#settings.set(`link ${link.index}`, settingsOf(link));
    }
    return undefined;
  }

  /** The sockets that are listened to. */
  get ears(): readonly number[] {
    return [this.#route, this.#netfilter].flatMap((monitor) => monitor?.fd ?? []);
  }

  close(): void {
    this.#route?.close();
    this.#netfilter?.close();
    this.#route = this.#netfilter = undefined;
    this.#names.clear();
    this.#ending.clear();
    this.#settings.clear();
  }

  #rulesOf({ messages, lost }: Heard, own: Own | undefined): { readonly changed: boolean; readonly foreign: boolean } {
    const processes = messages.flatMap((message) => generationIn(message)?.process ?? []);
    const tellsNobody = own?.hasRules === true && processes.length === 0;
    return {
      changed: lost || messages.length > 0 || tellsNobody,
      foreign: lost || tellsNobody || processes.some((process) => !this.#isOwn(process)),
    };
  }

  /** The names, also of links that are told of by index first (their settings, before themselves) or last. */
  #linksOf({ messages, lost }: Heard, own: Own | undefined): Notice {
    for (const name of own?.removed ?? []) if ([...this.#names.values()].includes(name)) this.#ending.add(name);
    const notices = messages.map((message) => ({ message, link: linkOfNotice(message) }));
    for (const { link } of notices) if (link?.name !== undefined) this.#names.set(link.index, link.name);
    const named = notices.map(({ message, link }) => {
      const name = link?.name ?? this.#names.get(link?.index ?? 0) ?? UNKNOWN;
      // A setting of none in particular is told of all.
      const isEnd = isEndOfLink(message) && this.#ending.delete(name);
      const isOwn = isEnd || own?.links.has(name) || (isSetting(message) && own?.links.has(UNKNOWN));
      return { name, isForeign: this.#isNews(message, link?.index ?? 0) && !isOwn };
    });
    for (const { message, link } of notices) {
      if (!link || !isEndOfLink(message)) continue;
      this.#names.delete(link.index);
      for (const what of ['link', 'port']) this.#settings.delete(`${what} ${link.index}`);
    }
    return {
      links: [...new Set([...named.map(({ name }) => name), ...(lost ? [UNKNOWN] : [])])],
      foreign: lost || named.some(({ isForeign }) => isForeign),
    };
  }

  /** Whether something may have become other than it was wanted. */
  #isNews(message: Message, index: number): boolean {
    if (!isLink(message)) return isDeed(message);
    const [what, settings] = isPort(message)
      ? [`port ${index}`, String(portMode(message))]
      : [`link ${index}`, settingsOf(decodeLink(message))];
    const before = this.#settings.get(what);
    this.#settings.set(what, settings);
    return settings !== before;
  }
}

type Heard = ReturnType<NetlinkMonitor['take']>;

/** What a link was told to be; whether it has a carrier is not among it. */
const settingsOf = ({ name, up, mac, mtu, master, hairpin }: Link): string =>
  JSON.stringify([name, up, mac, mtu, master, hairpin]);
