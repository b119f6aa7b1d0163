import { isLoopback, isUnspecified, parseAddress } from '../../address/address.ts';
import type { BridgeSettings } from '../../network/network.ts';
import type { PortBinding, PortProtocol } from '../../network/endpoint.ts';
import type { Desired, NftObject } from '../../plan/object.ts';
import { endpointOwner } from '../../plan/owner.ts';
import { families, familyOf } from '../family.ts';
import type { FirewallOptions, Place } from '../layout.ts';
import { gatewayMode } from '../mode.ts';
import { sourceTranslation } from '../source.ts';
import { Sheet } from './sheet.ts';

/** What one container's place on a bridge network calls for: its published ports, and its protection. */
export function endpointObjects(place: Place, options: FirewallOptions): Desired<NftObject>[] {
  const { network, endpoint } = place;
  const { bridge } = network;
  if (!bridge || network.internal) return [];
  return families(options).flatMap((family) => {
    const [address = ''] = (family === 'ip' ? endpoint.ipv4 : endpoint.ipv6).split('/');
    if (!address) return [];
    const page = new EndpointElements(new Sheet(family, endpointOwner(place)), place, address);
    const mode = gatewayMode(bridge, family);
    for (const binding of endpoint.bindings) {
      if (familyOf(binding.hostAddress) !== family) continue;
      if (mode !== 'routed') page.publish(binding);
      page.admit(binding);
      if (!options.allowDirectRouting) page.keepOnLoopback(binding);
    }
    for (const { address: peer, ports } of endpoint.linkedTo ?? []) {
      if (familyOf(peer) !== family) continue;
      for (const { protocol, port } of ports) page.link(peer, protocol, port);
    }
    // Where packets keep their source the answers come to the container's own address.
    const isProtected = !options.allowDirectRouting && mode === 'nat' && sourceTranslation(bridge, family);
    if (isProtected) page.refuseDirectAccess(bridge);
    return [...page.sheet.objects];
  });
}

class EndpointElements {
  readonly sheet: Sheet;
  readonly #network: string;
  readonly #container: string;
  readonly #address: string;

  constructor(sheet: Sheet, { network, containerName }: Place, address: string) {
    this.sheet = sheet;
    this.#network = network.name;
    this.#container = containerName;
    this.#address = address;
  }

  publish({ protocol, hostAddress, hostPort, containerPort }: PortBinding): void {
    const host = parseAddress(hostAddress);
    const value = [this.#address, containerPort];
    const where = hostAddress.includes(':') ? `[${hostAddress}]:${hostPort}` : `${hostAddress}:${hostPort}`;
    const why = `Published port: what arrives at ${where}/${protocol} goes to port ${containerPort} of ${this.#container}.`;
    if (!host || isUnspecified(host)) this.sheet.element('ports', [protocol, hostPort], why, { value });
    else this.sheet.element('ports-at', [hostAddress, protocol, hostPort], why, { value });
    this.sheet.element(
      'hairpins',
      [this.#address, this.#address],
      `When ${this.#container} calls its own published ports, it gets the host's address as its caller.`,
    );
  }

  /** Lets new connections to the port in, whoever they are from. */
  admit({ protocol, containerPort }: PortBinding): void {
    this.sheet.element(
      'published',
      [this.#address, protocol, containerPort],
      `Port ${containerPort}/${protocol} of ${this.#container} is published: new connections to it may enter ${this.#network}.`,
    );
  }

  link(peer: string, protocol: PortProtocol, port: number): void {
    this.sheet.element(
      'linked',
      [this.#address, peer, protocol, port],
      `${this.#container} is linked to ${peer}: it may call port ${port}/${protocol} there, though containers of ${this.#network} may not talk to each other.`,
    );
  }

  refuseDirectAccess({ name, trustedInterfaces }: BridgeSettings): void {
    this.sheet.element(
      'protected',
      [this.#address],
      `Other machines reach ${this.#container} through published ports of the host only, not by its own address.`,
    );
    this.sheet.element(
      'doors',
      [this.#address, name],
      `${this.#container} is reached by its own address within ${this.#network}.`,
    );
    for (const link of trustedInterfaces) {
      this.sheet.element(
        'doors',
        [this.#address, link],
        `${link} is trusted by ${this.#network}: machines there may call ${this.#container} by its own address.`,
      );
    }
  }

  keepOnLoopback({ protocol, hostAddress, hostPort }: PortBinding): void {
    const host = parseAddress(hostAddress);
    if (!host || !isLoopback(host)) return;
    this.sheet.element(
      'loopback-ports',
      [hostAddress, protocol, hostPort],
      `Port ${hostPort}/${protocol} is published on loopback alone: a neighbour on the link may not reach it with a forged destination.`,
    );
  }
}
