/** `ip address`, `ip link` and `ip route`, for people. */
import { printAddress } from '../../address/address.ts';
import type { Linux } from '../linux.ts';
import { MAIN } from '../route.ts';
import { linkRows, type LinkRow } from './links.ts';
import { printDestination } from './texts.ts';

/** `only`: of one link; undefined if there is none of that name. */
export function printLinks(linux: Linux, namespace: string, only?: string, addresses = true): string | undefined {
  const rows = linkRows(linux, namespace).filter(({ link }) => only === undefined || link.name === only);
  if (only !== undefined && rows.length === 0) return undefined;
  const all = linux.namespaces.get(namespace)?.addresses ?? [];
  return rows
    .flatMap((row) => [
      ...head(row, namespace),
      ...all
        .filter(({ link }) => addresses && link === row.link.name)
        .map(({ address, prefix, broadcast }) => {
          const family = address.version === 4 ? 'inet' : 'inet6';
          const last = broadcast ? ` brd ${printAddress(broadcast)}` : '';
          const scope = row.link.type === 'loopback' ? 'host' : 'global';
          return `    ${family} ${printAddress(address)}/${prefix.length}${last} scope ${scope} ${row.link.name}`;
        }),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

function head({ link, index, other, flags, state }: LinkRow, namespace: string): string[] {
  const { name, mtu, master, mac, type } = link;
  const at = other === undefined ? '' : `@${other.namespace === namespace ? other.name : `if${other.index}`}`;
  const kind = type === 'loopback' ? 'loopback' : 'ether';
  const address = type === 'loopback' ? '00:00:00:00:00:00' : mac;
  const port = master === undefined ? '' : ` master ${master}`;
  return [
    `${index}: ${name}${at}: <${flags.join(',')}> mtu ${mtu}${port} state ${state}`,
    ...(address === undefined ? [] : [`    link/${kind} ${address}`]),
  ];
}

/** The main table. */
export function printRoutes({ namespaces }: Linux, namespace: string, version: 4 | 6): string {
  const routes = namespaces.get(namespace)?.routes ?? [];
  return routes
    .filter(({ table, type, to }) => table === MAIN && type === 'unicast' && to.address.version === version)
    .toSorted((a, b) => a.to.length - b.to.length)
    .map((route) => {
      const { via, link = '', source } = route;
      const gateway = via ? ` via ${printAddress(via)}` : '';
      const from = source ? ` scope link src ${printAddress(source)}` : '';
      return `${printDestination(route)}${gateway} dev ${link}${from}\n`;
    })
    .join('');
}
