/**
 * The HTTP side of the API, on node:http alone: the API needs a table of some eighty routes and the
 * raw connection, and no framework gives more than that here.
 */
import { createServer, ServerResponse, STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import { Readable, type Duplex, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { Departure } from './departure.ts';
import { dispatch } from './dispatch.ts';
import { errorReply, isRefusal, messageOf } from './errors.ts';
import { pump } from './pump.ts';
import type { Connection, Reply } from './reply.ts';
import type { Router } from './router.ts';
import { NEWEST, printVersion } from './version.ts';

export interface ApiLog {
  debug(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ApiServerOptions {
  readonly router: Router;
  readonly log: ApiLog;
  /** The engine's own version, for the Server header. */
  readonly version: string;
}

/** How long (ms) a closing server waits for requests that are under way, and for clients to take the end of theirs. */
const GRACE = 500;

export class ApiServer {
  readonly #router: Router;
  readonly #log: ApiLog;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #servers: Server[] = [];
  readonly #running = new Set<Promise<void>>();
  /** One for each request under way: it happens when its client goes away, or the server closes. */
  readonly #open = new Set<Departure>();
  #asked = performance.now();
  /** Connections that were taken over: Node's server knows them no more, and waits for them all the same. */
  readonly #taken = new Set<Writable>();

  constructor(options: ApiServerOptions) {
    this.#router = options.router;
    this.#log = options.log;
    this.#headers = {
      'Api-Version': printVersion(NEWEST),
      'Docker-Experimental': 'false',
      Ostype: 'linux',
      Server: `Passerelle/${options.version} (linux)`,
    };
  }

  /** One more way in: an HTTP server that the caller makes listen. */
  server(): Server {
    const server = createServer({
      // Loading an image or following a log takes as long as it takes.
      requestTimeout: 0,
      keepAliveTimeout: 0,
    });
    server.on('request', (request, response) => this.#track(this.#onRequest(request, response)));
    server.on('upgrade', (request, socket, head) => this.#track(this.#onUpgrade(request, socket, head)));
    this.#servers.push(server);
    return server;
  }

  /** Takes nothing new, ends followers, and waits a bounded time for the rest. */
  async close(grace = GRACE): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    // Followers and conversations would go on for ever.
    for (const gone of this.#open) gone.happen();
    for (const server of this.#servers) server.closeIdleConnections();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, grace)));
    await Promise.race([Promise.all(this.#running), late]);
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.race([Promise.all(closed), late]);
    clearTimeout(timer);
    for (const connection of this.#taken) connection.destroy();
    await Promise.all(closed);
  }

  /** How long nobody has asked for anything (ms). */
  get quiet(): number {
    return performance.now() - this.#asked;
  }

  #track(task: Promise<void>): void {
    this.#asked = performance.now();
    const tracked = task
      .catch((error: unknown) => this.#log.error({ err: error }, 'a request could not be answered'))
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = this.#watch(response);
    const reply = await this.#answer(request, request, gone);
    if (reply.kind === 'hijack') {
      const input = await takeOver(request, gone);
      request.socket.write(head(200, { 'Content-Type': reply.contentType }));
      await this.#converse(request, reply, { input, output: request.socket, gone: gone.signal });
    } else {
      await this.#write(request, response, reply, gone);
    }
  }

  async #onUpgrade(request: IncomingMessage, socket: Duplex, rest: Buffer): Promise<void> {
    const gone = this.#watch(socket);
    // The close that follows says it to all who wait.
    socket.on('error', () => gone.happen());
    const { body, after } = await upgradeBody(request, socket, rest);
    const reply = await this.#answer(request, Readable.from([body]), gone);
    if (reply.kind === 'hijack') {
      if (after.length > 0) socket.unshift(after);
      const headers = { 'Content-Type': reply.contentType, Connection: 'Upgrade', Upgrade: 'tcp' };
      socket.write(head(101, headers));
      await this.#converse(request, reply, { input: socket, output: socket, gone: gone.signal });
    } else {
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(socket as never);
      await this.#write(request, response, reply, gone);
      socket.end();
    }
  }

  #watch(connection: ServerResponse | Duplex): Departure {
    const gone = new Departure();
    this.#open.add(gone);
    connection.once('close', () => {
      this.#open.delete(gone);
      // After a whole answer nobody waits for it any more.
      if (!connection.writableFinished) gone.happen();
    });
    return gone;
  }

  async #answer(request: IncomingMessage, body: Readable, gone: Departure): Promise<Reply> {
    const method = request.method ?? '';
    const url = request.url ?? '';
    try {
      const reply = await dispatch(this.#router, method, url, { headers: request.headers, body, gone });
      this.#log.debug({ method, url, ...(reply.kind === 'body' ? { status: reply.status } : {}) }, 'request');
      return reply;
    } catch (error) {
      const fields = { method, url, err: error };
      if (isRefusal(error)) this.#log.debug(fields, messageOf(error));
      else this.#log.error(fields, messageOf(error));
      return errorReply(error);
    }
  }

  async #write(
    request: IncomingMessage,
    response: ServerResponse,
    reply: Exclude<Reply, { kind: 'hijack' }>,
    gone: Departure,
  ): Promise<void> {
    if (reply.kind === 'body') {
      const { status, headers, body } = reply;
      response.writeHead(status, {
        ...this.#headers,
        ...headers,
        // What the client still sends is of no use to anybody.
        ...(!request.complete && { Connection: 'close' }),
        ...(status !== 204 && status !== 304 && { 'Content-Length': Buffer.byteLength(body) }),
      });
      response.end(request.method === 'HEAD' ? '' : body);
      return;
    }
    response.writeHead(200, { ...this.#headers, ...reply.headers });
    // Clients wait for the head before they go on: docker run starts the container after it.
    response.flushHeaders();
    try {
      await pump(reply.body, response, gone.signal);
      response.end();
    } catch (error) {
      this.#log.error({ method: request.method, url: request.url, err: error }, 'an answer broke off');
      // Without the last chunk, the client knows that something is missing.
      response.destroy();
    }
  }

  async #converse(
    request: IncomingMessage,
    reply: Extract<Reply, { kind: 'hijack' }>,
    connection: Connection,
  ): Promise<void> {
    const { output } = connection;
    this.#taken.add(output);
    output.once('close', () => this.#taken.delete(output));
    try {
      await reply.converse(connection);
    } catch (error) {
      this.#log.error({ method: request.method, url: request.url, err: error }, 'a conversation broke off');
    } finally {
      closeKindly(connection);
    }
  }
}

/** How long (ms) a client may take to close its side. */
const LINGER = 2000;

/** Ends our side and reads on until the client ends its own, or the close would reach it as a reset. */
function closeKindly({ input, output }: Connection): void {
  output.end();
  input.resume();
  const timer = setTimeout(() => output.destroy(), LINGER).unref();
  input.once('close', () => clearTimeout(timer));
  input.once('end', () => output.destroy());
}

function head(status: number, headers: Readonly<Record<string, string>>): string {
  const reason = status === 101 ? 'UPGRADED' : STATUS_CODES[status];
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}\r\n`;
}

/**
 * Takes the connection under a request that has no Upgrade header, and gives what the client sends.
 * A client that sends its input as a chunked body is read through Node's parser. For all others the
 * body is only options, and Node's listeners are taken off the socket after it, since they would
 * parse the input as a next request and end the socket at a half-close.
 */
async function takeOver(request: IncomingMessage, gone: Departure): Promise<Readable> {
  const { socket } = request;
  const chunked = request.headers['transfer-encoding'] !== undefined;
  if (!chunked) await finished(request.resume(), { writable: false });
  const ofNode = chunked ? ['end', 'drain', 'timeout'] : ['data', 'end', 'close', 'drain', 'error', 'timeout'];
  for (const event of ofNode) socket.removeAllListeners(event);
  socket.once('close', () => gone.happen());
  socket.on('error', () => gone.happen());
  return chunked ? request : socket;
}

/**
 * The body of a request with an Upgrade header, which Node does not parse (26 does): as many bytes as
 * Content-Length says. What came after them is the beginning of the conversation.
 */
async function upgradeBody(
  request: IncomingMessage,
  socket: Duplex,
  rest: Buffer,
): Promise<{ readonly body: Buffer; readonly after: Buffer }> {
  const length = Number(request.headers['content-length'] ?? 0);
  const parsed: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) parsed.push(chunk);
  const missing = length - Buffer.concat(parsed).length;
  if (missing <= 0) return { body: Buffer.concat(parsed), after: rest };
  let bytes = rest;
  while (bytes.length < missing) {
    const chunk = await nextChunk(socket);
    if (chunk === null) break;
    bytes = Buffer.concat([bytes, chunk]);
  }
  return { body: Buffer.concat([...parsed, bytes.subarray(0, missing)]), after: bytes.subarray(missing) };
}

function nextChunk(socket: Duplex): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const take = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null && !socket.readableEnded && !socket.destroyed) return;
      for (const event of ['readable', 'end', 'close']) socket.off(event, take);
      resolve(chunk);
    };
    for (const event of ['readable', 'end', 'close']) socket.on(event, take);
    take();
  });
}
