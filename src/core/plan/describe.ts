import { printRule } from '../firewall/print.ts';
import type { NftBase } from '../firewall/nft/ruleset.ts';
import type { HostObject, LinkObject, Namespace, NftChainObject, NftSetObject, NftValue } from './object.ts';

/** An object in one line, in the words of the tools that show it: for plans, errors and logs. */
export function describe(object: HostObject): string {
  switch (object.kind) {
    case 'namespace':
      return `network namespace ${short(object.id)}`;
    case 'link':
      return `${object.type} ${object.name}${details(object)}${inside(object.namespace)}`;
    case 'address':
      return `address ${object.address} on ${object.link}${inside(object.namespace)}`;
    case 'route':
      return `route ${object.to}${object.via ? ` via ${object.via}` : ''} dev ${object.link}${inside(object.namespace)}`;
    case 'sysctl':
      return `sysctl ${object.name} = ${object.value}${inside(object.namespace)}`;
    case 'chain':
      return object.policy
        ? `${tool(object.family)} -t ${object.table} -P ${object.name} ${object.policy}`
        : `${tool(object.family)} -t ${object.table} -N ${object.name}`;
    case 'rule':
      return `${tool(object.rule.family)} -t ${object.rule.table} ${printRule(object.rule)}`;
    case 'nft-table':
      return `nft table ${object.family} ${object.name}`;
    case 'nft-set':
      return `nft ${object.map ? 'map' : 'set'} ${nftPath(object)} { type ${typed(object.type, object.map)} }`;
    case 'nft-chain':
      return `nft chain ${nftPath(object)}${object.base ? ` { ${hook(object.base)} }` : ''}`;
    case 'nft-element': {
      const value = object.verdict === undefined ? object.value : [object.verdict];
      return `nft element ${object.family} ${object.table} ${object.set} { ${typed(object.key, value)} }`;
    }
    case 'listener':
      return `listener ${socket(object.address, object.port)}/${object.protocol}${
        object.forward ? ` to ${socket(object.target.address, object.target.port)}` : ''
      }`;
    case 'resolver':
      return `name server 127.0.0.11${inside(object.sandbox)}`;
  }
}

function nftPath({ family, table, name }: NftSetObject | NftChainObject): string {
  return `${family} ${table} ${name}`;
}

function typed(key: readonly NftValue[], value: readonly NftValue[] | undefined): string {
  return value ? `${key.join(' . ')} : ${value.join(' . ')}` : key.join(' . ');
}

function hook({ type, hook, priority, policy }: NftBase): string {
  return `type ${type} hook ${hook} priority ${priority}; policy ${policy};`;
}

function details(link: LinkObject): string {
  switch (link.type) {
    case 'veth':
      return `${link.master ? ` on ${link.master}` : ''}${link.peer.name ? ` with ${link.peer.name}${inside(link.peer.namespace)}` : ''}`;
    case 'macvlan':
    case 'ipvlan':
    case 'vlan':
      return link.parent ? ` on ${link.parent}` : '';
    case 'bridge':
    case 'dummy':
    case 'loopback':
      return '';
  }
}

function inside(namespace: Namespace): string {
  return namespace === 'host' ? '' : ` in ${short(namespace)}`;
}

function short(id: string): string {
  return id.slice(0, 12);
}

function tool(family: 'ip' | 'ip6'): string {
  return family === 'ip' ? 'iptables' : 'ip6tables';
}

function socket(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
