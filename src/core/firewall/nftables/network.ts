import type { NetworkRecord } from '../../network/network.ts';
import type { Desired, NftObject } from '../../plan/object.ts';
import { networkOwner } from '../../plan/owner.ts';
import { families, subnetsOf } from '../family.ts';
import type { FirewallOptions } from '../layout.ts';
import { gatewayMode } from '../mode.ts';
import { sourceTranslation } from '../source.ts';
import { Sheet } from './sheet.ts';

/** The bridge's place in the sets; nothing for networks without a bridge. */
export function networkObjects(network: NetworkRecord, options: FirewallOptions): Desired<NftObject>[] {
  const { bridge, name } = network;
  if (!bridge) return [];
  return families(options).flatMap((family) => {
    if (subnetsOf(network, family).length === 0) return [];
    const sheet = new Sheet(family, networkOwner(network));
    const link = bridge.name;
    if (bridge.icc) sheet.element('talking', [link, link], `Containers of ${name} may talk to each other.`);
    if (network.internal) {
      sheet.element('internal', [link], `${name} is internal: nothing passes between its bridge and other links.`);
      return [...sheet.objects];
    }
    sheet.element(
      'bridges',
      [link],
      `Containers of ${name} may reach the outside, and are kept apart from other networks.`,
    );
    const mode = gatewayMode(bridge, family);
    if (mode === 'nat-unprotected') {
      sheet.element(
        'entering',
        [link],
        `${name} is unprotected (gateway mode nat-unprotected): every port of its containers may be reached directly.`,
        { verdict: 'accept' },
      );
    } else if (mode === 'routed') {
      sheet.element(
        'entering',
        [link],
        `${name} is routed: its containers have addresses of their own in the world, and are reached by ping and published ports.`,
        { verdict: 'goto routed' },
      );
    } else {
      sheet.element(
        'entering',
        [link],
        `New connections to containers of ${name} are let in only where a port is published.`,
        { verdict: 'goto published' },
      );
    }
    const translation = sourceTranslation(bridge, family);
    if (translation?.kind === 'snat') {
      sheet.element(
        'sources',
        [link],
        `Packets of ${name} that leave its bridge get ${translation.to} as their source.`,
        {
          value: [translation.to],
        },
      );
    } else if (translation) {
      sheet.element(
        'masqueraded',
        [link],
        `Packets of ${name} that leave its bridge get the host's address on the way out as their source.`,
      );
    }
    return [...sheet.objects];
  });
}
