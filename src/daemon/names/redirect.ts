import { RESOLVER_ADDRESS } from '../../core/engine/etc.ts';
import { packBig } from '../../linux/bytes.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../../linux/headers.ts';
import { hostBytes } from '../../linux/inet.ts';
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

const TABLE = ['ip', 'passerelle'] as const;
const CHAIN: Chain = { family: TABLE[0], table: TABLE[1], name: 'output' };
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
 */
export class Redirection {
  /** Kept for the end, and with it the namespace. */
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);

  /** In the namespace that the thread is in. Throws NetlinkError. */
  constructor(ports: { readonly udp: number; readonly tcp: number }) {
    try {
      this.#transact([
        makeTable(...TABLE),
        makeChain(CHAIN, HOOK),
        // What the name server of an earlier daemon left.
        flushChain(CHAIN),
        translation(IPPROTO_UDP, ports.udp),
        translation(IPPROTO_TCP, ports.tcp),
      ]);
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  /** It is no error if the container has removed the rules. The namespace is kept alive for a moment longer. */
  end(): void {
    try {
      // Making it first makes it no error that there is none.
      this.#transact([makeTable(...TABLE), deleteTable(...TABLE)]);
    } finally {
      setTimeout(() => this.#socket.close(), FREEING).unref();
    }
  }

  #transact(requests: readonly NftRequest[]): void {
    const [refusal] = this.#socket.transact(requests);
    if (refusal) throw refusal.error;
  }
}

function translation(protocol: number, port: number): NftRequest {
  return addRule(CHAIN, [
    ...matchHeader('network', DESTINATION.address, ADDRESS),
    ...matchProtocol(protocol),
    ...matchHeader('transport', DESTINATION.port, packBig(PORT, 2)),
    ...translateTo(ADDRESS, port),
  ]);
}
