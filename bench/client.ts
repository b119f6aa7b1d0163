/**
 * The client that the bench measures with. It does as little as can be done, so that what is measured is the engine's
 * time: with Node's own client a ping takes 2.4 ms after a pause, with this one 1.3.
 */
import { connect, type Socket } from 'node:net';
import { type Answer, parsed } from '../test/support/api.ts';

export class Client {
  readonly #path: string;
  /** Connections without a request. */
  readonly #idle: Connection[] = [];

  /** `path`: the engine's UNIX socket. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Asks on a connection of its own. */
  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const connection = this.#kept() ?? new Connection(this.#path);
    const answer = await connection.ask(method, path, body);
    if (connection.isOpen) this.#idle.push(connection);
    return answer;
  }

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  /** The engine may have been started anew since. */
  #kept(): Connection | undefined {
    for (let connection; (connection = this.#idle.pop());) if (connection.isOpen) return connection;
    return undefined;
  }
}

const HEAD_END = '\r\n\r\n';

class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on('data', (chunk) => this.#take(chunk));
    this.#socket.on('error', (error) => this.#waiting?.reject(error));
    this.#socket.on('close', () => this.#waiting?.reject(new Error(`${path}: closed before it answered`)));
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  ask(method: string, path: string, body: unknown): Promise<Answer> {
    const content = body === undefined ? '' : JSON.stringify(body);
    const head = `${method} /v1.41${path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(content)}`;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(head + HEAD_END + content);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const end = this.#received.indexOf(HEAD_END);
    if (end < 0) return;
    const head = this.#received.toString('latin1', 0, end);
    const content = contentOf(head, this.#received.subarray(end + HEAD_END.length));
    if (content === undefined) return;
    if (/^connection: close$/im.test(head)) this.#socket.end();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#received = Buffer.alloc(0);
    waiting?.resolve({ status: Number(head.slice(9, 12)), body: parsed(content) });
  }
}

/** What an answer says, as soon as all of it has come. */
function contentOf(head: string, body: Buffer): string | undefined {
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  if (length !== undefined) return body.length < Number(length) ? undefined : body.toString('utf8');
  if (!/^transfer-encoding: chunked$/im.test(head)) return '';
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const line = body.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = Number.parseInt(body.toString('latin1', at, line), 16);
    const next = line + 2 + size + 2;
    if (body.length < next) return undefined;
    if (size === 0) return Buffer.concat(chunks).toString('utf8');
    chunks.push(body.subarray(line + 2, line + 2 + size));
    at = next;
  }
}
