import { RESOLVER_ADDRESS } from '../../core/engine/etc.ts';
import { packBig } from '../../linux/bytes.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../../linux/headers.ts';
import { hostBytes } from '../../linux/inet.ts';
import { isNamespace, withNamespace } from '../../linux/namespace.ts';
import type { Chain, NftRequest } from '../../linux/netlink/nftables.ts';
import {
  addRule,
  deleteTable,
  flushChain,
  type Hook,
  makeChain,
  makeTable,
  matchHeader,
  matchProtocol,
  translateTo,
} from '../../linux/netlink/rule.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../../linux/netlink/socket.ts';

const PORT = 53;
const ADDRESS = hostBytes(RESOLVER_ADDRESS);
/** Bytes: where the headers of IPv4, and of TCP and UDP, have the destination. */
const DESTINATION = { address: 16, port: 2 };

const CHAIN: Chain = { family: 'ip', table: 'passerelle', name: 'output' };
/** Before whatever a container itself translates. */
const HOOK: Hook = { type: 'nat', hook: 'output', priority: -101 };

/**
 * How long the kernel may take to free what a transaction has deleted (ms). Whoever closes a conversation before
 * waits for it, and keeps waiting who makes or ends a link in that namespace, with everybody who makes one elsewhere.
 */
const FREEING = 200;

/**
 * Leads what a sandbox sends to port 53 of the resolver's address to the ports where it listens, so
 * that port 53 stays free for the container. Connection tracking gives the answers port 53 back.
 * Throws NetlinkError.
 */
export function redirect(namespace: string, ports: { readonly udp: number; readonly tcp: number }): void {
  const socket = transact(namespace, [
    makeTable(CHAIN.family, CHAIN.table),
    makeChain(CHAIN, HOOK),
    // What the name server of an earlier daemon left.
    flushChain(CHAIN),
    translation(IPPROTO_UDP, ports.udp),
    translation(IPPROTO_TCP, ports.tcp),
  ]);
  socket.close();
}

/**
 * Takes the redirection away; it is no error if the namespace, or the container its rules, is gone. The namespace is
 * kept alive for a moment longer.
 */
export function endRedirect(namespace: string): void {
  if (!isNamespace(namespace)) return;
  // Making it first makes it no error that there is none.
  const table = [CHAIN.family, CHAIN.table] as const;
  const socket = transact(namespace, [makeTable(...table), deleteTable(...table)]);
  setTimeout(() => socket.close(), FREEING).unref();
}

/** Gives the socket, which is still open. */
function transact(namespace: string, requests: readonly NftRequest[]): NetlinkSocket {
  const socket = withNamespace(namespace, () => new NetlinkSocket(NETLINK_NETFILTER));
  try {
    const [refusal] = socket.transact(requests);
    if (refusal) throw refusal.error;
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}

function translation(protocol: number, port: number): NftRequest {
  return addRule(CHAIN, [
    ...matchHeader('network', DESTINATION.address, ADDRESS),
    ...matchProtocol(protocol),
    ...matchHeader('transport', DESTINATION.port, packBig(PORT, 2)),
    ...translateTo(ADDRESS, port),
  ]);
}
