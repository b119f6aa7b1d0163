/** What the kernel adds by itself to addresses: the local table, broadcast routes, the connected subnet. */
import { parseAddress, type Address } from '../address/address.ts';
import { broadcastAddress, parsePrefix, prefixOf, type Prefix } from '../address/prefix.ts';
import type { InterfaceAddress } from './linux.ts';
import type { Link } from './link.ts';
import { LOCAL, MAIN, type Route } from './route.ts';

const whole = (address: Address) => prefixOf(address, address.version === 4 ? 32 : 128);

/** The routes of the local table, from the addresses of a namespace. */
export function localRoutes(addresses: readonly InterfaceAddress[], links: ReadonlyMap<string, Link>): Route[] {
  const routes: Route[] = [];
  for (const { link, address, prefix, broadcast } of addresses) {
    const local = (type: 'local' | 'broadcast', to: Prefix): Route => ({
      table: LOCAL,
      type,
      to,
      link,
      metric: 0,
      source: address,
    });
    routes.push(local('local', whole(address)));
    const isLoopback = links.get(link)?.type === 'loopback';
    // Loopback has all of its subnet for itself.
    if (isLoopback && prefix.length < 32 && address.version === 4) routes.push(local('local', prefix));
    const last = broadcast ?? broadcastAddress(prefix);
    if (last && address.version === 4) routes.push(local('broadcast', whole(last)));
  }
  for (const { name, type, up } of links.values()) {
    if (!up || type === 'loopback') continue;
    routes.push({ table: LOCAL, type: 'multicast', to: parsePrefix('ff00::/8')!, link: name, metric: 256 });
  }
  return routes;
}

/** The routes to the subnets that links are in. */
export function connectedRoutes(addresses: readonly InterfaceAddress[], links: ReadonlyMap<string, Link>): Route[] {
  return addresses.flatMap(({ link, address, prefix }): Route[] => {
    const { type, up } = links.get(link) ?? { type: 'other', up: true };
    const isHost = prefix.length === (address.version === 4 ? 32 : 128);
    if (!up || isHost || type === 'loopback') return [];
    const metric = address.version === 4 ? 0 : 256;
    return [{ table: MAIN, type: 'unicast', to: prefix, link, source: address, metric }];
  });
}

/** Loopback's own addresses, which are there as soon as it is up. */
export function loopbackAddresses(link: Link): InterfaceAddress[] {
  if (link.type !== 'loopback' || !link.up) return [];
  return ['127.0.0.1/8', '::1/128'].map((text) => {
    const [host = '', length = ''] = text.split('/');
    const address = parseAddress(host)!;
    return { link: link.name, address, prefix: prefixOf(address, Number(length)) };
  });
}
