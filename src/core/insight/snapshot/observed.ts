/** A host of the model as the objects that a kernel port would have found there. */
import { printAddress } from '../../address/address.ts';
import { printPrefix } from '../../address/prefix.ts';
import type { NftTable } from '../../firewall/nft/ruleset.ts';
import { MAIN } from '../../model/route.ts';
import type { LinuxNamespace } from '../../model/linux.ts';
import type { Link } from '../../model/link.ts';
import type { KernelObject, LinkObject } from '../../plan/object.ts';
import { HOST } from './snapshot.ts';

/** Rules in the order of their chains. The tables that iptables-nft keeps in nftables are told once, as iptables'. */
export function objectsOf({ links, addresses, routes, iptables, nftables }: LinuxNamespace): readonly KernelObject[] {
  const namespace = HOST;
  const objects: KernelObject[] = [...links.values()].flatMap((link) => linkObject(link, links));
  for (const { link, address, prefix } of addresses) {
    objects.push({ kind: 'address', namespace, link, address: `${printAddress(address)}/${prefix.length}` });
  }
  for (const { table, type, to, link, via } of routes) {
    if (table !== MAIN || type !== 'unicast' || link === undefined) continue;
    const family = to.address.version === 4 ? 'ip' : 'ip6';
    const destination = to.length === 0 ? 'default' : printPrefix(to);
    objects.push({ kind: 'route', namespace, family, to: destination, link, ...(via && { via: printAddress(via) }) });
  }
  for (const { family, table, chains } of iptables) {
    for (const { name, policy } of chains.values()) {
      objects.push({ kind: 'chain', family, table, name, ...(policy && { policy }) });
    }
    for (const { rules } of chains.values()) {
      for (const [index, { rule }] of rules.entries()) {
        objects.push({ kind: 'rule', rule, position: { section: 'tail', sequence: 0, index } });
      }
    }
  }
  const known = new Set(iptables.map(({ family, table }) => `${family} ${table}`));
  const tables = nftables.tables.filter(({ family, name }) => !known.has(`${family} ${name}`));
  return [...objects, ...tables.flatMap(nftObjects)];
}

/** Foreign tables are of all families, and shown as if they were of ours. */
function nftObjects({ family, name: table, chains }: NftTable): KernelObject[] {
  const place = { family: family as 'ip', table };
  return [
    { kind: 'nft-table', family: place.family, name: table },
    ...[...chains.values()].map((chain) => ({ kind: 'nft-chain', ...place, ...chain }) as const),
  ];
}

/** The machine's own hardware is nobody's object. */
function linkObject(link: Link, links: ReadonlyMap<string, Link>): LinkObject[] {
  const { name, up, mtu, mode = '' } = link;
  const base = { kind: 'link', namespace: HOST, name, up } as const;
  const parent = link.parent?.link ?? '';
  switch (link.type) {
    case 'bridge':
      return [{ ...base, type: 'bridge', mtu }];
    case 'veth': {
      const isHere = link.peer !== undefined && links.get(link.peer.link)?.peer?.link === name;
      const peer = { namespace: isHere ? HOST : (link.peer?.namespace ?? ''), name: link.peer?.link ?? '' };
      return [{ ...base, type: 'veth', mtu, peer, ...(link.master !== undefined && { master: link.master }) }];
    }
    case 'macvlan':
    case 'ipvlan':
      return [{ ...base, type: link.type, parent, mode, mtu }];
    case 'vlan':
    case 'dummy':
    case 'loopback':
      return [{ ...base, type: link.type, ...(parent !== '' && { parent }) }];
    case 'other':
      return [];
  }
}
