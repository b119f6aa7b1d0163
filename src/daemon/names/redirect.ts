import { RESOLVER_ADDRESS } from '../../core/engine/etc.ts';
import { isNamespace } from '../../linux/namespace.ts';
import { type NftCommand, runNftables } from '../../linux/nftables.ts';

const PORT = 53;

const table = { family: 'ip', name: 'passerelle' };
const chain = { family: 'ip', table: table.name, name: 'output' };
/** Before whatever a container itself translates. */
const PRIORITY = -101;

/**
 * Leads what a sandbox sends to port 53 of the resolver's address to the ports where it listens, so
 * that port 53 stays free for the container. Connection tracking gives the answers port 53 back.
 */
export function redirect(namespace: string, ports: { readonly udp: number; readonly tcp: number }): void {
  const hook = { type: 'nat', hook: 'output', prio: PRIORITY, policy: 'accept' };
  runNftables(
    [
      { add: { table } },
      { add: { chain: { ...chain, ...hook } } },
      // What the name server of an earlier daemon left.
      { flush: { chain } },
      translation('udp', ports.udp),
      translation('tcp', ports.tcp),
    ],
    namespace,
  );
}

function translation(protocol: 'udp' | 'tcp', port: number): NftCommand {
  const match = (header: string, field: string, right: string | number) => ({
    match: { op: '==', left: { payload: { protocol: header, field } }, right },
  });
  const expr = [
    match('ip', 'daddr', RESOLVER_ADDRESS),
    match(protocol, 'dport', PORT),
    { dnat: { addr: RESOLVER_ADDRESS, port } },
  ];
  return { add: { rule: { family: chain.family, table: chain.table, chain: chain.name, expr } } };
}

/** Takes the redirection away; it is no error if the namespace, or the container its rules, is gone. */
export function endRedirect(namespace: string): void {
  // Adding first makes it no error that there is none.
  if (isNamespace(namespace)) runNftables([{ add: { table } }, { delete: { table } }], namespace);
}
