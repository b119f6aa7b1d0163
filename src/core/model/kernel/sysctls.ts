/** The settings below /proc/sys that decide whether packets are forwarded and filtered, in one namespace. */
import { Refusal } from './refusal.ts';

/** The settings that each link has, as what stands before and behind its name, and their values in a new namespace. */
const OF_LINKS: readonly (readonly [before: string, after: string, value: string])[] = [
  ['net/ipv4/conf/', '/route_localnet', '0'],
  ['net/ipv6/conf/', '/forwarding', '0'],
  ['net/ipv6/conf/', '/disable_ipv6', '0'],
  ['net/ipv6/conf/', '/accept_ra', '1'],
];
/** Of these, what is written for `all` is written for each link and for those to come. */
const SPREADING: ReadonlySet<string> = new Set(['forwarding', 'disable_ipv6']);

const BIRTH: readonly (readonly [name: string, value: string])[] = [
  ['net/ipv4/ip_forward', '0'],
  ['net/bridge/bridge-nf-call-iptables', '1'],
  ['net/bridge/bridge-nf-call-ip6tables', '1'],
  ...['all', 'default'].flatMap((group) =>
    OF_LINKS.map(([before, after, value]) => [before + group + after, value] as const),
  ),
];

const NAME = /^(net\/ipv[46]\/conf\/)(.+)(\/(\w+))$/;

export class Sysctls {
  readonly #values: Map<string, string>;

  constructor(base?: Sysctls) {
    this.#values = new Map(base ? base.#values : BIRTH);
  }

  entries(): Iterable<readonly [name: string, value: string]> {
    return this.#values;
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** A new link has the settings of `default`. */
  addLink(link: string): void {
    for (const [before, after] of OF_LINKS) {
      this.#values.set(before + link + after, this.#values.get(`${before}default${after}`)!);
    }
  }

  removeLink(link: string): void {
    for (const [before, after] of OF_LINKS) this.#values.delete(before + link + after);
  }

  set(name: string, value: string): void {
    if (!this.#values.has(name)) throw new Refusal('ENOENT', `/proc/sys/${name}`);
    if (!/^-?\d+$/.test(value)) throw new Refusal('EINVAL', `/proc/sys/${name}`);
    this.#values.set(name, value);
    const [, before = '', link, after = '', setting = ''] = NAME.exec(name) ?? [];
    if (link !== 'all' || !SPREADING.has(setting)) return;
    for (const other of this.#values.keys()) {
      if (other.startsWith(before) && other.endsWith(after)) this.#values.set(other, value);
    }
  }
}
