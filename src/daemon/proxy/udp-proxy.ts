import type dgram from 'node:dgram';
import type { ListenerObject } from '../../core/plan/object.ts';
import { openUdp, refuseReuse } from '../../linux/socket.ts';
import { datagramSocket } from '../datagram.ts';
import type { Held, Warn } from '../held.ts';

export interface UdpLimits {
  /** A client that neither sends nor is sent anything for this long is forgotten, as by docker-proxy. */
  readonly idleMs: number;
  /** Clients at a time; a new one beyond them displaces the one that was silent the longest. */
  readonly clients: number;
}

const LIMITS: UdpLimits = { idleMs: 90_000, clients: 1024 };

/** Datagrams kept while the socket towards the target is being connected. */
const QUEUE = 16;

/**
 * Carries the datagrams to a host port on to its target, each client's from a port of its own, and
 * the answers back.
 */
export function openUdpProxy(
  { address, port, target }: ListenerObject,
  warn: Warn,
  { idleMs, clients }: UdpLimits = LIMITS,
): Held {
  /** By the client's address and port; those heard of last at the end. */
  const sessions = new Map<string, Session>();
  const fd = openUdp(address, port);
  const listener = datagramSocket(address);
  listener.on('error', (error) => warn(`userland proxy on port ${port}/udp of ${address}: ${error.message}`));
  listener.on('message', (datagram, client) => {
    const key = `${client.address} ${client.port}`;
    let session = sessions.get(key);
    if (session) {
      sessions.delete(key);
    } else {
      if (sessions.size >= clients) sessions.values().next().value?.close();
      session = new Session(
        target,
        idleMs,
        (answer) => listener.send(answer, client.port, client.address),
        () => sessions.delete(key),
      );
    }
    sessions.set(key, session);
    session.send(datagram);
  });
  listener.bind({ fd });
  refuseReuse(fd);
  return {
    close() {
      listener.close();
      for (const session of sessions.values()) session.close();
    },
  };
}

/** One client's way to the target. */
class Session implements Held {
  readonly #socket: dgram.Socket;
  readonly #idle: NodeJS.Timeout;
  readonly #closed: () => void;
  /** Undefined when connected. */
  #queue: Buffer[] | undefined = [];

  constructor(
    target: ListenerObject['target'],
    idleMs: number,
    answer: (datagram: Buffer) => void,
    closed: () => void,
  ) {
    this.#closed = closed;
    this.#idle = setTimeout(() => this.close(), idleMs).unref();
    this.#socket = datagramSocket(target.address);
    this.#socket.on('message', (datagram) => {
      this.#idle.refresh();
      answer(datagram);
    });
    // Refused by an ICMP message: whoever serves the port may be on the way, so the session goes on.
    // What cannot be sent at all is lost, as datagrams are.
    this.#socket.on('error', () => {});
    this.#socket.on('connect', () => {
      const queue = this.#queue ?? [];
      this.#queue = undefined;
      for (const datagram of queue) this.#socket.send(datagram);
    });
    this.#socket.connect(target.port, target.address);
  }

  send(datagram: Buffer): void {
    this.#idle.refresh();
    if (!this.#queue) this.#socket.send(datagram);
    else if (this.#queue.length < QUEUE) this.#queue.push(datagram);
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#socket.close();
    this.#closed();
  }
}
