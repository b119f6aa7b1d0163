/** A kernel in memory as what decides a packet's way. */
import type { Namespace } from '../../plan/object.ts';
import type { Linux, Listener } from '../linux.ts';
import { linuxFromObjects, type NamespaceFacts } from '../objects.ts';
import { observe } from './observe.ts';
import type { KernelState } from './state.ts';

export function linuxOf(state: KernelState, listeners: ReadonlyMap<Namespace, readonly Listener[]>): Linux {
  const facts = new Map<Namespace, NamespaceFacts>();
  for (const namespace of state.namespaces()) {
    const { name } = namespace;
    // Cards are nobody's object.
    const links = namespace.links().filter(({ type }) => type === 'other');
    facts.set(name, { links, listeners: listeners.get(name) ?? [] });
  }
  const { namespaces } = linuxFromObjects(observe(state, { sandboxes: state.sandboxes() }), facts);
  const host = namespaces.get('host')!;
  // A table of iptables is there once somebody has written into it.
  const iptables = host.iptables.filter(({ chains }) =>
    [...chains.values()].some(({ policy, rules }) => policy !== 'ACCEPT' || rules.length > 0),
  );
  return { namespaces: new Map([...namespaces, ['host', { ...host, iptables }]]) };
}
