import type { BridgeSettings, NetworkRecord } from '../../network/network.ts';
import type { Position } from '../../plan/object.ts';
import { networkOwner } from '../../plan/owner.ts';
import { families, subnetsOf } from '../family.ts';
import type { FirewallObject, FirewallOptions } from '../layout.ts';
import { gatewayMode } from '../mode.ts';
import type { Match, Target } from '../rule.ts';
import { sourceTranslation, translation } from '../source.ts';
import {
  ACCEPT,
  addressType,
  DOCKER,
  DROP,
  established,
  from,
  into,
  jump,
  not,
  outOf,
  type Plain,
  protocol,
  RETURN,
  Sheet,
  STAGE_1,
  STAGE_2,
  to,
} from './rules.ts';

/** What one bridge network calls for; nothing for networks without a bridge. */
export function networkObjects(network: NetworkRecord, options: FirewallOptions): FirewallObject[] {
  const { bridge } = network;
  if (!bridge) return [];
  return families(options).flatMap((family) => {
    const subnets = subnetsOf(network, family);
    if (subnets.length === 0) return [];
    const sheet = new Sheet(family, networkOwner(network));
    const page = new NetworkRules(sheet, network, bridge, subnets);
    if (network.internal) page.internal();
    else page.external(options);
    return sheet.objects;
  });
}

class NetworkRules {
  readonly #sheet: Sheet;
  readonly #network: NetworkRecord;
  readonly #bridge: BridgeSettings;
  readonly #subnets: readonly string[];
  readonly #name: string;

  constructor(sheet: Sheet, network: NetworkRecord, bridge: BridgeSettings, subnets: readonly string[]) {
    this.#sheet = sheet;
    this.#network = network;
    this.#bridge = bridge;
    this.#subnets = subnets;
    this.#name = network.name;
  }

  /** A network with a way out. */
  external(options: FirewallOptions): void {
    this.#forwarding();
    this.#talkWithin();
    this.#isolation();
    const mode = gatewayMode(this.#bridge, this.#sheet.family);
    if (mode === 'routed') this.#routed();
    else this.#translation(options);
    if (mode === 'nat-unprotected') this.#unprotected();
  }

  /** A network without a way out: nothing passes between its bridge and other links. */
  internal(): void {
    const { name } = this.#bridge;
    // IPv6 has link-local addresses besides the subnet: what stays on the bridge is none of this rule's business.
    const elsewhere = (link: Plain) => (this.#sheet.family === 'ip6' ? [not(link)] : []);
    for (const subnet of this.#subnets) {
      this.#head(
        STAGE_1,
        0,
        [not(from(subnet)), ...elsewhere(into(name)), outOf(name)],
        DROP,
      )(
        `${this.#name} is internal: nothing from outside of ${subnet} may enter it, and this comes before anything is accepted.`,
      );
      this.#head(
        STAGE_1,
        1,
        [not(to(subnet)), into(name), ...elsewhere(outOf(name))],
        DROP,
      )(`${this.#name} is internal: nothing of it may go anywhere but to ${subnet}.`);
    }
    this.#talkWithin();
  }

  #forwarding(): void {
    const { name } = this.#bridge;
    this.#head(
      'FORWARD',
      0,
      [outOf(name), established],
      ACCEPT,
    )(
      `Answers to what containers of ${this.#name} asked for, and later packets of accepted connections, may come in; it is asked first as most packets are of that kind.`,
    );
    this.#head(
      'FORWARD',
      1,
      [outOf(name)],
      jump(DOCKER),
    )(
      `New connections to containers of ${this.#name} are let in only where a port is published: the chain DOCKER knows which.`,
    );
    this.#head(
      'FORWARD',
      2,
      [into(name), not(outOf(name))],
      ACCEPT,
    )(
      `Containers of ${this.#name} may reach the outside; other networks were taken out before, by the isolation chains.`,
    );
  }

  #talkWithin(): void {
    const { name, icc } = this.#bridge;
    const matches = [into(name), outOf(name)];
    if (icc) {
      this.#head('FORWARD', 3, matches, ACCEPT)(`Containers of ${this.#name} may talk to each other.`);
      return;
    }
    const position: Position = { section: 'tail', sequence: this.#network.sequence, index: 0 };
    this.#sheet.rule(
      { table: 'filter', chain: 'FORWARD', position },
      matches,
      DROP,
      `Containers of ${this.#name} may not talk to each other (enable_icc is off); it stands at the end so that published ports are still reached.`,
    );
  }

  #isolation(): void {
    const { name } = this.#bridge;
    this.#head(
      STAGE_1,
      0,
      [into(name), not(outOf(name))],
      jump(STAGE_2),
    )(`What leaves ${this.#name} for another link goes on to the second stage, which knows the other networks.`);
    this.#head(
      STAGE_2,
      0,
      [outOf(name)],
      DROP,
    )(`What comes from another network may not enter ${this.#name}: networks are isolated from each other.`);
  }

  #translation({ userlandProxy }: FirewallOptions): void {
    const { name } = this.#bridge;
    const { family } = this.#sheet;
    const target = sourceTranslation(this.#bridge, family);
    const asWhom = (to: Target) => (to.kind === 'snat' ? to.to : "the host's address on the way out");
    if (!userlandProxy) {
      const local = translation(this.#bridge, family);
      this.#head(
        'POSTROUTING',
        0,
        [outOf(name), addressType('source', 'LOCAL')],
        local,
        'nat',
      )(
        `Without the userland proxy, what the host itself sends to published ports of ${this.#name} gets ${asWhom(local)}: a container could not answer to 127.0.0.1.`,
      );
    }
    if (!target) return;
    for (const subnet of this.#subnets) {
      this.#head(
        'POSTROUTING',
        1,
        [from(subnet), not(outOf(name))],
        target,
        'nat',
      )(
        `Packets of ${this.#name} that leave its bridge get ${asWhom(target)} as their source, as nobody outside knows the way to ${subnet}.`,
      );
    }
    if (userlandProxy) {
      this.#head(
        DOCKER,
        0,
        [into(name)],
        RETURN,
        'nat',
      )(
        `Containers of ${this.#name} that call a published port by the host's address are not translated here but answered by the userland proxy.`,
      );
    }
  }

  #routed(): void {
    const icmp = this.#sheet.family === 'ip' ? 'icmp' : 'ipv6-icmp';
    this.#tail(
      [outOf(this.#bridge.name), protocol(icmp)],
      ACCEPT,
    )(`${this.#name} is routed: its containers have addresses of their own in the world, and answer to ping.`);
  }

  #unprotected(): void {
    const { name } = this.#bridge;
    this.#tail(
      [not(into(name)), outOf(name)],
      ACCEPT,
    )(
      `${this.#name} is unprotected (gateway mode nat-unprotected): every port of its containers may be reached directly.`,
    );
  }

  /** A rule among the network's own at the head of a chain: newer networks stand before older ones. */
  #head(chain: string, index: number, matches: Match[], target: Target, table: 'filter' | 'nat' = 'filter') {
    const position: Position = { section: 'head', sequence: this.#network.sequence, index };
    return (why: string) => this.#sheet.rule({ table, chain, position }, matches, target, why);
  }

  #tail(matches: Match[], target: Target) {
    const position: Position = { section: 'tail', sequence: this.#network.sequence, index: 0 };
    return (why: string) => this.#sheet.rule({ table: 'filter', chain: DOCKER, position }, matches, target, why);
  }
}
