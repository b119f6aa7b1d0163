import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Step } from '../../core/plan/step.ts';
import { EngineClient, EngineFailure, type Request } from '../client/client.ts';
import { ExitError } from '../command.ts';

type Method = Parameters<EngineClient['request']>[0];

/** The changes whose plan the daemon knows. */
const PLANNABLE = [
  /^POST \/networks\/(create|prune)$/,
  /^POST \/networks\/[^/]+\/(connect|disconnect)$/,
  /^DELETE \/networks\/[^/]+$/,
  /^POST \/containers\/(create|prune)$/,
  /^POST \/containers\/[^/]+\/(start|stop|restart|kill)$/,
  /^DELETE \/containers\/[^/]+$/,
];

/** What `create` would have answered, if it had made something. */
const UNMADE = 'planned';

interface Body {
  readonly NetworkingConfig?: { readonly EndpointsConfig?: Readonly<Record<string, unknown>> };
}

/** A container that would have been made by now. */
interface Unmade {
  readonly request: Request;
  readonly body: Body;
}

/**
 * A client that changes nothing: what a command asks for is done where it only looks, and planned
 * where it changes. `steps` are then what the command would have done to the host.
 */
export class PlanningClient extends EngineClient {
  readonly steps: Step[] = [];
  /** To be planned with its start. */
  #unmade: Unmade | undefined;

  /** Throws ExitError if the daemon would do what it is only to plan. */
  async check(): Promise<void> {
    const { Platform } = await super.json<{ Platform?: { Name: string } }>('GET', '/version');
    if (!Platform?.Name.startsWith('Passerelle'))
      throw new ExitError('a plan needs a Passerelle daemon: this one would do the change');
  }

  override async text(method: Method, path: string, request: Request = {}): Promise<string> {
    if (method === 'GET' || method === 'HEAD') return super.text(method, path, request);
    if (!PLANNABLE.some((pattern) => pattern.test(`${method} ${path}`)))
      throw new ExitError(`nobody knows a plan of ${method} ${path}: what it makes must be there first`);
    if (path === '/containers/create') return this.#create(request);
    if (this.#unmade && path === `/containers/${UNMADE}/start`) return this.#start(this.#unmade);
    const connected = /^\/networks\/([^/]+)\/connect$/.exec(path)?.[1];
    const { Container, EndpointConfig = {} } = (request.body ?? {}) as { Container?: string; EndpointConfig?: unknown };
    if (this.#unmade && connected !== undefined && Container === UNMADE)
      return this.#connect(this.#unmade, decodeURIComponent(connected), EndpointConfig);
    await this.#plan(method, path, request);
    return path === '/networks/create' ? JSON.stringify({ Id: UNMADE }) : '{}';
  }

  override request(method: Method, path: string, request?: Request): Promise<IncomingMessage> {
    if (method === 'GET' || method === 'HEAD') return super.request(method, path, request);
    throw new ExitError(`nobody knows a plan of ${method} ${path}: what it makes must be there first`);
  }

  override hijack(path: string): Promise<Duplex> {
    throw new ExitError(`there is nobody to talk to at ${path}: nothing was started`);
  }

  async #create(request: Request): Promise<string> {
    // What the daemon refuses is refused here.
    await this.#plan('POST', '/containers/create', request);
    this.#unmade = { request, body: request.body as Body };
    return JSON.stringify({ Id: UNMADE, Warnings: null });
  }

  #connect(unmade: Unmade, network: string, settings: unknown): string {
    const EndpointsConfig = { ...unmade.body.NetworkingConfig?.EndpointsConfig, [network]: settings };
    this.#unmade = { ...unmade, body: { ...unmade.body, NetworkingConfig: { EndpointsConfig } } };
    return '';
  }

  async #start({ request, body }: Unmade): Promise<string> {
    await this.#plan('POST', '/containers/create', { body, query: { ...request.query, start: 1 } });
    return '';
  }

  async #plan(method: Method, path: string, request: Request): Promise<void> {
    const query = { ...request.query, dryRun: 1 };
    try {
      const text = await this.#ask(method, path, { ...request, query });
      // 304: it is so already.
      if (text !== '') this.steps.push(...(JSON.parse(text) as { steps: Step[] }).steps);
    } catch (error) {
      if (!(error instanceof EngineFailure && error.status === 304)) throw error;
    }
  }

  async #ask(method: Method, path: string, request: Request): Promise<string> {
    const answer = await super.request(method, path, request);
    let text = '';
    answer.setEncoding('utf8');
    for await (const chunk of answer as AsyncIterable<string>) text += chunk;
    return text;
  }
}
