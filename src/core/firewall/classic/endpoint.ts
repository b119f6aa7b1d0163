import { isLoopback, isUnspecified, parseAddress } from '../../address/address.ts';
import type { PortBinding, PortProtocol } from '../../network/endpoint.ts';
import type { Position } from '../../plan/object.ts';
import { groupBy } from '../../plan/group.ts';
import { key } from '../../plan/key.ts';
import { endpointOwner } from '../../plan/owner.ts';
import { families, familyOf } from '../family.ts';
import type { FirewallObject, FirewallOptions, Place } from '../layout.ts';
import type { Family, Table } from '../rule.ts';
import { gatewayMode } from '../mode.ts';
import { sourceTranslation } from '../source.ts';
import { ACCEPT, DOCKER, DROP, from, fromPort, into, MASQUERADE, not, outOf, Sheet, to, toPort } from './rules.ts';

/** What one container's place on a bridge network calls for: its published ports, and its protection. */
export function endpointObjects(place: Place, options: FirewallOptions): FirewallObject[] {
  const { network, endpoint } = place;
  const { bridge } = network;
  if (!bridge || network.internal) return [];
  return families(options).flatMap((family) => {
    const [address = ''] = (family === 'ip' ? endpoint.ipv4 : endpoint.ipv6).split('/');
    if (!address) return [];
    const rules = new EndpointRules(family, place, bridge.name, address);
    const mode = gatewayMode(bridge, family);
    for (const binding of endpoint.bindings) {
      if (familyOf(binding.hostAddress) !== family) continue;
      if (mode === 'routed') rules.admit(binding);
      else rules.publish(binding, options);
    }
    for (const { address: peer, ports } of endpoint.linkedTo ?? []) {
      if (familyOf(peer) !== family) continue;
      for (const { protocol, port } of ports) rules.link(peer, protocol, port);
    }
    if (!options.allowDirectRouting) {
      // Where packets keep their source the answers come to the container's own address.
      if (mode === 'nat' && sourceTranslation(bridge, family)) rules.refuseDirectAccess(bridge.trustedInterfaces);
      for (const binding of endpoint.bindings)
        if (familyOf(binding.hostAddress) === family) rules.keepOnLoopback(binding);
    }
    return withoutTwins(rules.objects);
  });
}

/** Two host ports may lead to one container port: what concerns that alone is needed once. */
function withoutTwins(objects: readonly FirewallObject[]): FirewallObject[] {
  return [...groupBy(objects, key).values()].map(([first]) => first!);
}

/** Of rules that only drop any may lead. */
const UNORDERED = {
  table: 'raw',
  chain: 'PREROUTING',
  position: { section: 'tail', sequence: 0, index: 0 },
} as const;

class EndpointRules {
  readonly #sheet: Sheet;
  readonly #place: Place;
  readonly #bridge: string;
  readonly #address: string;
  #index = 0;

  constructor(family: Family, place: Place, bridge: string, address: string) {
    this.#sheet = new Sheet(family, endpointOwner(place));
    this.#place = place;
    this.#bridge = bridge;
    this.#address = address;
  }

  get objects(): readonly FirewallObject[] {
    return this.#sheet.objects;
  }

  publish(binding: PortBinding, { userlandProxy }: FirewallOptions): void {
    const { protocol, hostAddress, hostPort, containerPort } = binding;
    const where = `${port(hostAddress, hostPort)}/${protocol}`;
    const host = parseAddress(hostAddress);
    const destination = !host || isUnspecified(host) ? [] : [to(hostAddress)];
    const arrival = userlandProxy ? [not(into(this.#bridge))] : [];
    this.#sheet.rule(
      this.#last('nat', DOCKER),
      [...destination, ...arrival, ...toPort(protocol, hostPort)],
      { kind: 'dnat', to: port(this.#address, containerPort) },
      `Published port: what arrives at ${where} goes to port ${containerPort} of ${this.#name}.`,
    );
    this.admit(binding);
    this.#sheet.rule(
      this.#last('nat', 'POSTROUTING'),
      [from(this.#address), to(this.#address), ...toPort(protocol, containerPort)],
      MASQUERADE,
      `When ${this.#name} calls its own published port, it gets the host's address as its caller: it would not take an answer to itself from outside.`,
    );
    if (protocol !== 'sctp') return;
    this.#sheet.rule(
      this.#last('mangle', 'POSTROUTING'),
      fromPort(protocol, containerPort),
      { kind: 'other', name: 'CHECKSUM', options: '--checksum-fill' },
      `veth pairs leave SCTP checksums to a network card that is not there: they are filled in for answers of ${this.#name}.`,
    );
  }

  /** Lets new connections to the port in, whoever they are from. */
  admit({ protocol, containerPort }: PortBinding): void {
    this.#sheet.rule(
      this.#last('filter', DOCKER),
      [to(this.#address), not(into(this.#bridge)), outOf(this.#bridge), ...toPort(protocol, containerPort)],
      ACCEPT,
      `Port ${containerPort}/${protocol} of ${this.#name} is published: new connections to it may enter ${this.#place.network.name}.`,
    );
  }

  /** Lets the container call a port of one that it is linked to, and get answers. */
  link(peer: string, protocol: PortProtocol, port: number): void {
    const within = [into(this.#bridge), outOf(this.#bridge)];
    const why = `${this.#name} is linked to ${peer}: it may call port ${port}/${protocol} there, though containers of ${this.#place.network.name} may not talk to each other.`;
    this.#sheet.rule(
      this.#linked(),
      [from(this.#address), to(peer), ...within, ...toPort(protocol, port)],
      ACCEPT,
      why,
    );
    this.#sheet.rule(
      this.#linked(),
      [from(peer), to(this.#address), ...within, ...fromPort(protocol, port)],
      ACCEPT,
      why,
    );
  }

  refuseDirectAccess(trusted: readonly string[]): void {
    for (const link of trusted) {
      this.#sheet.rule(
        { table: 'raw', chain: 'PREROUTING', position: { section: 'head', sequence: 0, index: 0 } },
        [to(this.#address), into(link)],
        ACCEPT,
        `${link} is trusted by ${this.#place.network.name}: machines there may call ${this.#name} by its own address.`,
      );
    }
    this.#sheet.rule(
      UNORDERED,
      [to(this.#address), not(into(this.#bridge))],
      DROP,
      `Other machines reach ${this.#name} through published ports of the host only, not by its own address; it is dropped in raw as there the packet still has the destination that it was sent to.`,
    );
  }

  keepOnLoopback({ protocol, hostAddress, hostPort }: PortBinding): void {
    const host = parseAddress(hostAddress);
    if (!host || !isLoopback(host)) return;
    this.#sheet.rule(
      UNORDERED,
      [to(hostAddress), not(into('lo')), ...toPort(protocol, hostPort)],
      DROP,
      `Port ${hostPort}/${protocol} is published on loopback alone: a neighbour on the link may not reach it with a forged destination.`,
    );
  }

  get #name(): string {
    return this.#place.containerName;
  }

  #linked() {
    const last = this.#last('filter', DOCKER);
    return { ...last, position: { ...last.position, sequence: this.#place.endpoint.linkSequence ?? 0 } };
  }

  /** The end of a chain: ports that were bound later stand behind. */
  #last(table: Table, chain: string) {
    this.#index += 1;
    const position: Position = { section: 'tail', sequence: this.#place.endpoint.bindingSequence, index: this.#index };
    return { table, chain, position };
  }
}

function port(address: string, number: number): string {
  return address.includes(':') ? `[${address}]:${number}` : `${address}:${number}`;
}
