import type dgram from 'node:dgram';
import net from 'node:net';
import { RESOLVER_ADDRESS } from '../../core/engine/etc.ts';
import type { Names } from '../../core/engine/names.ts';
import { withNamespace } from '../../linux/namespace.ts';
import { type Datagram, receiveDatagram, sendDatagram } from '../../linux/datagrams.ts';
import { boundTo, closeSocket, openTcpListener, openUdp, socketAddress } from '../../linux/socket.ts';
import { datagramSocket } from '../datagram.ts';
import type { Held, Warn } from '../held.ts';
import type { Server, Transport } from './channel.ts';
import { answerLimit, Forwarder } from './forwarder.ts';
import { frame, FrameReader } from './frame.ts';
import { localAnswers } from './local.ts';
import { type Query, RCODE, readQuery, writeAnswer } from './message.ts';
import { Redirection } from './redirect.ts';

const DNS_PORT = 53;
/** TCP connections at a time, and how long one may be silent. */
const CONNECTIONS = 256;
const IDLE_MS = 10_000;
/** For each that Node tells of, which are up to 32 before anybody else has a turn. */
const DATAGRAMS_AT_ONCE = 8;

export interface Sandbox {
  readonly id: string;
  /** The path of its network namespace. */
  readonly namespace: string;
}

/** The name server of one sandbox, within its namespace. It keeps the namespace alive until it is closed. */
export class Resolver implements Held {
  readonly #sandbox: Sandbox;
  readonly #names: Names;
  readonly #warn: Warn;
  readonly #forwarder = new Forwarder();
  readonly #datagrams: dgram.Socket;
  readonly #server: net.Server;
  readonly #connections = new Set<net.Socket>();
  readonly #redirection: Redirection;
  #closed = false;

  /** Listens and is reachable when this returns. Throws SystemError or NetlinkError. */
  constructor(sandbox: Sandbox, names: Names, warn: Warn) {
    this.#sandbox = sandbox;
    this.#names = names;
    this.#warn = warn;
    const { udp, tcp, redirection } = withNamespace(sandbox.namespace, open);
    this.#redirection = redirection;
    this.#datagrams = datagramSocket(RESOLVER_ADDRESS);
    this.#server = net.createServer({ allowHalfOpen: true }, (connection) => this.#serve(connection));
    this.#server.maxConnections = CONNECTIONS;
    const failed = (error: Error) => warn(`name server of sandbox ${sandbox.id}: ${error.message}`);
    this.#datagrams.on('error', failed);
    this.#server.on('error', failed);
    this.#datagrams.on('message', (message, { address, port }) => {
      this.#answerDatagram(udp, { message, sender: socketAddress(address, port) });
      // Node tells of one datagram at a time, and at length; those that wait behind it are taken at once.
      for (let count = 1; count < DATAGRAMS_AT_ONCE; count++) {
        const next = receiveDatagram(udp);
        if (!next) break;
        this.#answerDatagram(udp, next);
      }
    });
    this.#datagrams.bind({ fd: udp });
    this.#server.listen({ fd: tcp });
  }

  close(): void {
    this.#closed = true;
    this.#datagrams.close();
    this.#server.close();
    this.#forwarder.close();
    for (const connection of this.#connections) connection.destroy();
    this.#redirection.end();
  }

  #answerDatagram(fd: number, { message, sender }: Datagram): void {
    this.#answer(message, 'udp', (answer) => sendDatagram(fd, answer, sender));
  }

  /** Answers the messages of a connection as they come, each as soon as its answer is known. */
  #serve(connection: net.Socket): void {
    const reader = new FrameReader();
    let unanswered = 0;
    let ended = false;
    this.#connections.add(connection);
    connection.on('close', () => this.#connections.delete(connection));
    connection.on('error', () => connection.destroy());
    connection.setTimeout(IDLE_MS, () => connection.destroy());
    const endWhenAnswered = () => ended && unanswered === 0 && connection.end();
    connection.on('end', () => {
      ended = true;
      endWhenAnswered();
    });
    connection.on('data', (chunk) => {
      for (const message of reader.push(chunk)) {
        unanswered++;
        this.#answer(message, 'tcp', (answer) => {
          unanswered--;
          // A client that does not read its answers gets no more.
          if (!connection.writable || connection.writableNeedDrain) connection.destroy();
          else connection.write(frame(answer));
          endWhenAnswered();
        });
      }
    });
  }

  #answer(message: Buffer, transport: Transport, respond: (answer: Buffer) => void): void {
    const read = readQuery(message);
    if (!read) return;
    if ('refusal' in read) return respond(read.refusal);
    const { query } = read;
    const limit = answerLimit(query, transport);
    try {
      const answers = localAnswers(this.#names, this.#sandbox.id, query);
      if (answers) respond(writeAnswer(query, RCODE.noError, answers, limit));
      else void this.#forward(query, transport, this.#servers(), respond);
    } catch (error) {
      this.#fail(query, error);
      respond(writeAnswer(query, RCODE.serverFailure, [], limit));
    }
  }

  async #forward(
    query: Query,
    transport: Transport,
    servers: readonly Server[],
    respond: (answer: Buffer) => void,
  ): Promise<void> {
    try {
      const answer = await this.#forwarder.forward(query, transport, servers);
      if (!this.#closed) respond(answer);
    } catch (error) {
      this.#fail(query, error);
    }
  }

  #fail(query: Query, error: unknown): void {
    this.#warn(`name server of sandbox ${this.#sandbox.id}: ${query.name ?? 'a query'}: ${String(error)}`);
  }

  #servers(): readonly Server[] {
    const { servers } = this.#names.upstream(this.#sandbox.id);
    return servers.map(({ address, from }) => ({
      address,
      port: DNS_PORT,
      namespace: from === 'sandbox' ? this.#sandbox.namespace : undefined,
    }));
  }
}

/** Its sockets in the namespace that the thread is in, both listening, and what leads to them. */
function open(): { readonly udp: number; readonly tcp: number; readonly redirection: Redirection } {
  const fds: number[] = [];
  const kept = (fd: number): number => {
    fds.push(fd);
    return fd;
  };
  try {
    const udp = kept(openUdp(RESOLVER_ADDRESS, 0));
    const tcp = kept(openTcpListener(RESOLVER_ADDRESS, 0));
    return { udp, tcp, redirection: new Redirection({ udp: boundTo(udp).port, tcp: boundTo(tcp).port }) };
  } catch (error) {
    for (const fd of fds) closeSocket(fd);
    throw error;
  }
}
