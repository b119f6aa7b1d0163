import type { KernelObject, Namespace } from '../core/plan/object.ts';

const inside = (namespace: Namespace): string => (namespace === 'host' ? '' : ` in sandbox ${namespace}`);

/** Names an object in an error message. */
export function describeObject(object: KernelObject): string {
  switch (object.kind) {
    case 'namespace':
      return `network namespace of sandbox ${object.id}`;
    case 'link':
      return `${object.type} link ${object.name}${inside(object.namespace)}`;
    case 'address':
      return `address ${object.address} on ${object.link}${inside(object.namespace)}`;
    case 'route':
      return `route to ${object.to} on ${object.link}${inside(object.namespace)}`;
    case 'sysctl':
      return `sysctl ${object.name} = ${object.value}${inside(object.namespace)}`;
    case 'chain':
      return `${object.family} chain ${object.table}/${object.name}`;
    case 'rule':
      return `${object.rule.family} rule of chain ${object.rule.table}/${object.rule.chain}`;
  }
}
