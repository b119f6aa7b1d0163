import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Step } from '../../core/plan/step.ts';
import { EngineClient, EngineFailure, readAll, type Request, withQuery } from '../client/client.ts';
import { ExitError } from '../command.ts';

type Method = Parameters<EngineClient['request']>[0];

interface Wanted {
  readonly method: Method;
  readonly path: string;
  readonly body?: unknown;
}

/** A request that waits for its turn. */
interface Waiting {
  readonly wanted: Wanted;
  readonly resolve: (text: string) => void;
  readonly reject: (error: unknown) => void;
}

interface Rehearsed {
  readonly answers: readonly { readonly status: number; readonly body: string }[];
  readonly steps: readonly Step[];
}

/**
 * A client that changes nothing. What a command asks for is rehearsed, all of it so far each time: so each
 * request finds what the ones before it would have made. `steps` are then what the command would have done.
 */
export class PlanningClient extends EngineClient {
  override readonly isForReal = false;
  readonly #done: Wanted[] = [];
  #waiting: Waiting[] = [];
  #isAsking = false;
  #steps: readonly Step[] = [];

  get steps(): readonly Step[] {
    return this.#steps;
  }

  /** Throws ExitError if the daemon would do what it is only to plan. */
  async check(): Promise<void> {
    const { Platform } = await super.json<{ Platform?: { Name: string } }>('GET', '/version');
    if (!Platform?.Name.startsWith('Passerelle'))
      throw new ExitError('a plan needs a Passerelle daemon: this one would do the change');
  }

  override text(method: Method, path: string, request: Request = {}): Promise<string> {
    const onlyLooks = method === 'GET' || method === 'HEAD';
    if (onlyLooks && (this.#done.length === 0 || !/^\/(networks|containers|volumes)\b/.test(path)))
      return super.text(method, path, request);
    const { query, body } = request;
    const wanted = { method, path: withQuery(path, query), ...(body !== undefined && { body }) };
    return new Promise((resolve, reject) => {
      this.#waiting.push({ wanted, resolve, reject });
      if (!this.#isAsking) void this.#ask();
    });
  }

  override request(method: Method, path: string, request?: Request): Promise<IncomingMessage> {
    if (method === 'GET' || method === 'HEAD') return super.request(method, path, request);
    throw new ExitError(`nobody knows a plan of ${method} ${path}: what it makes must be there first`);
  }

  override hijack(path: string): Promise<Duplex> {
    throw new ExitError(`there is nobody to talk to at ${path}: nothing was started`);
  }

  /** Asks for all that waits at once, until nothing does. */
  async #ask(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const { answers, steps } = await this.#rehearse([...this.#done, ...batch.map(({ wanted }) => wanted)]);
        this.#steps = steps;
        const own = answers.slice(-batch.length);
        for (const [index, { wanted, resolve, reject }] of batch.entries()) {
          const { status, body } = own[index]!;
          if (status >= 400) reject(new EngineFailure(status, messageOf(body)));
          else resolve(body);
          if (status < 300 && wanted.method !== 'GET') this.#done.push(wanted);
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isAsking = false;
  }

  async #rehearse(requests: readonly Wanted[]): Promise<Rehearsed> {
    return JSON.parse(await readAll(await super.request('POST', '/passerelle/plan', { body: requests }))) as Rehearsed;
  }
}

function messageOf(body: string): string {
  return (JSON.parse(body) as { message: string }).message;
}
