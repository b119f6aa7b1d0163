import { isPredefined } from '../network/predefined.ts';
import type { SandboxRecord } from '../network/endpoint.ts';
import type { Place } from '../firewall/layout.ts';
import { desired } from '../plan/desired.ts';
import type { Desired, HostObject, Owner } from '../plan/object.ts';

/**
 * A container's network namespace, empty but for loopback, whatever it is connected to. `places` are
 * its endpoints. In host mode there is none.
 */
export function sandboxObjects(sandbox: SandboxRecord, containerName: string, places: readonly Place[]): Desired[] {
  if (sandbox.host) return [];
  const owner: Owner = { kind: 'sandbox', id: sandbox.id, name: containerName };
  const namespace = sandbox.id;
  const objects: Desired[] = [];
  const want = (why: string, wanted: HostObject) => objects.push(desired(wanted, owner, why));
  const disableIpv6 = (link: string, value: '0' | '1'): HostObject => ({
    kind: 'sysctl',
    namespace,
    name: `net/ipv6/conf/${link}/disable_ipv6`,
    value,
  });

  want(`The network namespace of ${containerName}: its own links, addresses, routes and rules.`, {
    kind: 'namespace',
    id: sandbox.id,
  });
  want(`${containerName} talks to itself over loopback.`, {
    kind: 'link',
    type: 'loopback',
    namespace,
    name: 'lo',
    up: true,
  });
  const speaksIpv6 = places.some(({ endpoint }) => endpoint.ipv6 !== '');
  want(
    'IPv6 is off but on links that got an address: nobody is reached on a way that nobody asked for.',
    disableIpv6('all', '1'),
  );
  want(
    speaksIpv6
      ? `${containerName} has an IPv6 address, so it has ::1 too.`
      : `${containerName} has no IPv6 address, so it has no ::1 either.`,
    disableIpv6('lo', speaksIpv6 ? '0' : '1'),
  );
  if (places.some(({ network }) => network.driver !== 'null' && !isPredefined(network.name))) {
    want(`${containerName} finds the other containers of its networks by name, through 127.0.0.11.`, {
      kind: 'resolver',
      sandbox: sandbox.id,
    });
  }
  return objects;
}
