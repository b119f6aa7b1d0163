import { randomInt } from 'node:crypto';
import type { Held } from '../held.ts';
import { openChannel, type Server, type Transport } from './channel.ts';
import { fitAnswer, isAnswerTo, type Query, RCODE, responseCode, withId, writeAnswer } from './message.ts';

/** As Docker's. */
const SERVERS = 3;
const TIMEOUT_MS = 4000;
const AT_ONCE = 1024;

const MAX_MESSAGE = 65_535;

/** The largest answer that the client of a query takes, in bytes. */
export function answerLimit(query: Query, transport: Transport): number {
  return transport === 'udp' ? query.udpSize : MAX_MESSAGE;
}

/**
 * Hands the queries of one sandbox on to name servers as they are, under ids and from ports of
 * their own. A server that is silent, unreachable, failing or unwilling makes room for the next.
 * A query over TCP goes on over TCP, so a truncated answer is the client's to ask again.
 */
export class Forwarder implements Held {
  /** What is under way, with what ends it. */
  readonly #exchanges = new Set<Held>();
  #waiting = 0;
  #closed = false;

  /** Always gives an answer: if need be the last server's refusal, or a failure of our own. */
  async forward(query: Query, transport: Transport, servers: readonly Server[]): Promise<Buffer> {
    const limit = answerLimit(query, transport);
    let answer = writeAnswer(query, RCODE.serverFailure, [], limit);
    if (this.#waiting >= AT_ONCE) return answer;
    this.#waiting++;
    try {
      for (const server of servers.slice(0, SERVERS)) {
        const given = await this.#ask(server, query, transport);
        if (given === undefined) continue;
        answer = fitAnswer(query, withId(given, query.message.readUInt16BE(0)), limit);
        const code = responseCode(given);
        if (code !== RCODE.serverFailure && code !== RCODE.refused) break;
      }
    } finally {
      this.#waiting--;
    }
    return answer;
  }

  /** One server's answer; undefined if none came. */
  #ask(server: Server, query: Query, transport: Transport): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve(undefined);
      const id = randomInt(0x10000);
      const end = (answer?: Buffer) => {
        if (!this.#exchanges.delete(exchange)) return;
        clearTimeout(timer);
        channel?.close();
        resolve(answer);
      };
      const exchange: Held = { close: () => end() };
      const timer = setTimeout(end, TIMEOUT_MS);
      this.#exchanges.add(exchange);
      let channel: Held | undefined;
      try {
        channel = openChannel(transport, server, withId(query.message, id), {
          message: (message) => isAnswerTo(query, id, message) && end(message),
          failed: () => end(),
        });
      } catch {
        // No socket to be had, or no namespace any more: as good as a server that does not answer.
        end();
      }
    });
  }

  close(): void {
    this.#closed = true;
    for (const exchange of this.#exchanges) exchange.close();
  }
}
