/** A client of the distribution protocol (OCI distribution specification), as far as a pull needs it. */
import { BlockList, isIP } from 'node:net';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import * as v from 'valibot';
import { EngineError } from '../../core/network/error.ts';
import { readChallenge, type Challenge } from './challenge.ts';
import { readJson } from './config.ts';
import { ConnectionError, readBody, send } from './http.ts';
import type { RegistryAuth } from '../../core/image/image.ts';
import { MANIFEST_ACCEPT, type Descriptor } from './manifest.ts';
import type { Reference } from '../../core/image/reference.ts';

/** The longest manifest, index or configuration that is read. */
const LONGEST_DOCUMENT = 8 * 1024 * 1024;
const LONGEST_ERROR = 64 * 1024;

/** A registry's refusal. `code` is the protocol's: `DENIED`, `MANIFEST_UNKNOWN`, … */
export class RegistryError extends EngineError {
  readonly registryCode: string;
  /** 0: not told. */
  readonly status: number;

  constructor(registryCode: string, detail: string, status: number) {
    super('internal', `${registryCode.toLowerCase().replaceAll('_', ' ')}: ${detail}`);
    this.registryCode = registryCode;
    this.status = status;
  }
}

export interface RegistryOptions {
  readonly auth: RegistryAuth | undefined;
  /** Registries spoken to without, or with any, certificate: `host[:port]` or `address/length`. Loopback is always one. */
  readonly insecure: readonly string[];
  readonly signal: AbortSignal;
}

export class Registry {
  readonly #base: URL;
  readonly #path: string;
  readonly #options: RegistryOptions;
  readonly #insecure: boolean;
  #challenge: Challenge | undefined;
  #authorization: string | undefined;

  private constructor(base: URL, reference: Reference, options: RegistryOptions, insecure: boolean) {
    this.#base = base;
    this.#path = reference.path;
    this.#options = options;
    this.#insecure = insecure;
  }

  /** Finds out how the reference's registry is spoken to, and gives a client for its repository. */
  static async connect(reference: Reference, options: RegistryOptions): Promise<Registry> {
    const host = reference.domain === 'docker.io' ? 'registry-1.docker.io' : reference.domain;
    const insecure = isInsecure(host, options.insecure);
    const make = (scheme: string) => new Registry(new URL(`${scheme}://${host}/v2/`), reference, options, insecure);
    const registry = make('https');
    try {
      await registry.#ping();
      return registry;
    } catch (error) {
      if (!insecure || !(error instanceof ConnectionError) || options.signal.aborted) throw error;
    }
    const plain = make('http');
    await plain.#ping();
    return plain;
  }

  async #ping(): Promise<void> {
    const answer = await this.#send(this.#base, {});
    answer.resume();
    if (answer.statusCode === 401) this.#challenge = readChallenge(answer.headers['www-authenticate']);
  }

  /** A manifest or index, by tag or digest. */
  async manifest(pick: string): Promise<{ readonly content: Buffer; readonly mediaType: string }> {
    const answer = await this.#get(`manifests/${pick}`, { accept: MANIFEST_ACCEPT });
    const [mediaType = ''] = (answer.headers['content-type'] ?? '').split(';');
    return { content: await readBody(answer, LONGEST_DOCUMENT), mediaType };
  }

  async document(descriptor: Descriptor): Promise<Buffer> {
    return readBody(await this.#get(`blobs/${descriptor.digest}`, {}), LONGEST_DOCUMENT);
  }

  /** A blob's bytes from `start` on; `start` in the result is where they really begin. */
  async blob(
    { digest }: Descriptor,
    start: number,
  ): Promise<{ readonly start: number; readonly content: AsyncIterable<Uint8Array> }> {
    const answer = await this.#get(`blobs/${digest}`, start > 0 ? { range: `bytes=${start}-` } : {});
    return { start: answer.statusCode === 206 ? start : 0, content: answer };
  }

  async #get(what: string, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
    const url = new URL(`${this.#path}/${what}`, this.#base);
    if (this.#challenge) this.#authorization ??= await this.#authorize(this.#challenge, url);
    let answer = await this.#send(url, headers);
    if (answer.statusCode === 401) {
      const challenge = readChallenge(answer.headers['www-authenticate']);
      // The token may have run out, or this registry asks for none in general and for one here.
      if (challenge?.scheme === 'bearer' && challenge.parameters['error'] !== 'insufficient_scope') {
        answer.resume();
        this.#authorization = await this.#authorize(challenge, url);
        answer = await this.#send(url, headers);
      }
    }
    if (answer.statusCode === 200 || answer.statusCode === 206) return answer;
    throw await refusal(answer);
  }

  #send(url: URL, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
    return send(url, {
      headers: { ...headers, authorization: this.#authorization },
      insecure: this.#insecure,
      signal: this.#options.signal,
    });
  }

  /** The `Authorization` header that answers the challenge. */
  async #authorize({ scheme, parameters }: Challenge, url: URL): Promise<string> {
    const auth = this.#options.auth ?? {};
    if (auth.registrytoken) return `Bearer ${auth.registrytoken}`;
    if (scheme === 'bearer') return `Bearer ${await this.#token(parameters, auth)}`;
    if (!auth.username) throw new EngineError('internal', `Get "${url.href}": no basic auth credentials`);
    return basic(auth);
  }

  /** Asks the challenge's token server (distribution specification, "Token authentication"; OAuth 2 for identity tokens). */
  async #token(parameters: Challenge['parameters'], auth: RegistryAuth): Promise<string> {
    const address = parameters['realm'] ?? '';
    const realm = URL.canParse(address) ? new URL(address) : undefined;
    if (!realm || (realm.protocol !== 'https:' && !this.#insecure)) {
      throw new EngineError(
        'internal',
        `${this.#base.host} sends to ${address} for a token, which is no https address`,
      );
    }
    const wanted = new URLSearchParams({ scope: `repository:${this.#path}:pull` });
    if (parameters['service']) wanted.set('service', parameters['service']);
    const rest = { insecure: this.#insecure, signal: this.#options.signal };
    let answer: IncomingMessage;
    if (auth.identitytoken) {
      wanted.set('grant_type', 'refresh_token');
      wanted.set('client_id', 'passerelle');
      wanted.set('refresh_token', auth.identitytoken);
      answer = await send(realm, { ...rest, form: wanted });
    } else {
      for (const [name, value] of wanted) realm.searchParams.set(name, value);
      answer = await send(realm, { ...rest, headers: { authorization: auth.username ? basic(auth) : undefined } });
    }
    if (answer.statusCode !== 200) throw await refusal(answer);
    const schema = v.object({ token: v.optional(v.string()), access_token: v.optional(v.string()) });
    const read = readJson(schema, await readBody(answer, LONGEST_ERROR), `answer of ${realm.host}`);
    const token = read.token ?? read.access_token;
    if (!token)
      throw new EngineError('internal', `authorization server ${realm.host} did not include a token in the response`);
    return token;
  }
}

function basic({ username, password }: RegistryAuth): string {
  return `Basic ${Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')}`;
}

const errorBody = v.object({
  errors: v.pipe(v.array(v.object({ code: v.string(), message: v.optional(v.string(), '') })), v.minLength(1)),
});

const USUAL: Readonly<Record<string, string>> = {
  DENIED: 'requested access to the resource is denied',
  UNAUTHORIZED: 'authentication required',
};

/** What an answer other than the wanted one means. */
async function refusal(answer: IncomingMessage): Promise<RegistryError> {
  const status = answer.statusCode!;
  const body = await readBody(answer, LONGEST_ERROR);
  const challenge = status === 401 ? readChallenge(answer.headers['www-authenticate']) : undefined;
  if (challenge?.parameters['error'] === 'insufficient_scope')
    return new RegistryError('DENIED', USUAL['DENIED']!, status);
  let told: v.InferOutput<typeof errorBody>['errors'][number] | undefined;
  try {
    [told] = readJson(errorBody, body, 'error').errors;
  } catch {
    // Proxies and gateways answer with pages: the status must do.
  }
  if (told) return new RegistryError(told.code, told.message || (USUAL[told.code] ?? told.code.toLowerCase()), status);
  if (status === 401) return new RegistryError('UNAUTHORIZED', USUAL['UNAUTHORIZED']!, status);
  return new RegistryError(
    'UNKNOWN',
    `received unexpected HTTP status: ${status} ${answer.statusMessage ?? ''}`.trim(),
    status,
  );
}

/** Whether a registry is one of those that may be spoken to in the clear. */
export function isInsecure(host: string, insecure: readonly string[]): boolean {
  const { hostname } = new URL(`http://${host}`);
  const address = hostname.replace(/^\[|\]$/g, '');
  const family = { 0: undefined, 4: 'ipv4' as const, 6: 'ipv6' as const }[isIP(address)];
  if (address === 'localhost' || insecure.includes(host)) return true;
  if (!family) return false;
  const list = new BlockList();
  list.addSubnet('127.0.0.0', 8, 'ipv4');
  list.addAddress('::1', 'ipv6');
  for (const entry of insecure) {
    const [network = '', length] = entry.split('/');
    if (length !== undefined && isIP(network))
      list.addSubnet(network, Number(length), isIP(network) === 4 ? 'ipv4' : 'ipv6');
  }
  return list.check(address, family);
}
