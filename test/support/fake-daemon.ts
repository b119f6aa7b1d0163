import http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A daemon that answers what a test tells it to, and remembers what it was asked. */
export class FakeDaemon {
  readonly socket: string;
  readonly requests: { line: string; body: unknown }[] = [];
  answers: Readonly<Record<string, Answer>> = {};
  readonly #server = http.createServer((request, response) => void this.#answer(request, response));

  constructor(socket: string) {
    this.socket = socket;
    this.#server.on('upgrade', (request, socket) => {
      const answer = this.answers[lineOf(request)];
      this.requests.push({ line: lineOf(request), body: undefined });
      socket.write(
        'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
      );
      socket.end(answer instanceof Buffer ? answer : '');
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.socket, resolve));
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request as AsyncIterable<Buffer>) text += chunk.toString();
    const line = lineOf(request);
    response.setHeader('Api-Version', '1.41');
    if (line.endsWith(' /_ping')) return void response.end();
    this.requests.push({ line, body: text === '' ? undefined : JSON.parse(text) });
    const answer = this.answers[line] ?? refusal(404, `nothing is at ${line}`);
    const found = typeof answer === 'function' ? answer() : answer;
    if (found instanceof Buffer) return void response.end(found);
    response.setHeader('Content-Type', 'application/json');
    response.statusCode = isRefusal(found) ? found.refused : 200;
    response.end(JSON.stringify(isRefusal(found) ? { message: found.message } : found));
  }
}

interface Refusal {
  readonly refused: number;
  readonly message: string;
}

type Answer = unknown;

export const refusal = (refused: number, message: string): Refusal => ({ refused, message });
const isRefusal = (answer: unknown): answer is Refusal =>
  typeof answer === 'object' && answer !== null && 'refused' in answer;
/** `GET /networks`: without the version, with the query as it is read. */
const lineOf = (request: IncomingMessage): string =>
  `${request.method} ${decodeURIComponent(request.url!.replace(/^\/v[\d.]+/, ''))}`;
