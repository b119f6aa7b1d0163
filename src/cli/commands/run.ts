import { existsSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { command, ExitError } from '../command.ts';
import type { Context } from '../command.ts';
import { EngineFailure, Unreachable } from '../client/client.ts';
import { copyOutput } from '../client/multiplex.ts';
import { feed, followSize, takeTerminal } from '../client/terminal.ts';
import { text, toggle } from '../flags.ts';
import { api } from '../requests.ts';
import { CREATE_FLAGS, createRequest } from './create-flags.ts';
import type { CreateFlags } from './create-flags.ts';
import { pullImage, withTag } from './pull.ts';

const EXAMPLES = [
  ['run -d --name web -p 8080:80 nginx', 'In the background, with a published port'],
  ['run --rm -it --network lab busybox sh', 'A shell on a network, removed when it ends'],
  ['run -d --network name=lab,ip=10.5.1.9,alias=db postgres', 'With an address and a second name'],
] as const;

export const create = command({
  name: 'create',
  aliases: ['container create'],
  summary: 'Create a new container',
  operands: 'IMAGE [COMMAND] [ARG...]',
  arity: { least: 1 },
  interspersed: false,
  flags: CREATE_FLAGS,
  examples: [['create --name web -p 8080:80 nginx', 'Make a container, to be started later']],
  async run(context, { flags, args, given }) {
    const { id } = await createContainer(context, flags, args, { detach: false, given });
    context.out.write(`${id}\n`);
    return 0;
  },
});

export const run = command({
  name: 'run',
  aliases: ['container run'],
  summary: 'Create and run a new container from an image',
  operands: 'IMAGE [COMMAND] [ARG...]',
  arity: { least: 1 },
  interspersed: false,
  flags: {
    ...CREATE_FLAGS,
    detach: toggle('Run container in background and print container ID', { short: 'd' }),
    'detach-keys': text('Override the key sequence for detaching a container'),
    'sig-proxy': toggle('Proxy received signals to the process', { initial: true }),
  },
  examples: EXAMPLES,
  async run(context, { flags, args, given }) {
    if (flags.detach && flags.attach.length > 0)
      throw new ExitError('conflicting options: cannot specify both --attach and --detach', 125);
    if (flags.rm && !/^no?$/.test(flags.restart) && flags.restart !== '')
      throw new ExitError('conflicting options: cannot specify both --restart and --rm', 125);
    if (flags.tty && flags.interactive && !flags.detach && !context.in.isTTY)
      throw new ExitError('the input device is not a TTY', 1);
    const { id, streams } = await createContainer(context, flags, args, { detach: flags.detach, given });
    if (flags.detach || !Object.values(streams).some(Boolean)) {
      await startContainer(context, id);
      context.out.write(`${id}\n`);
      return 0;
    }
    const session = await attach(context, id, {
      ...streams,
      logs: false,
      tty: flags.tty,
      sigProxy: flags['sig-proxy'] && !flags.tty,
    });
    const exit = await awaitExit(context, id, flags.rm ? 'removed' : 'next-exit');
    try {
      await startContainer(context, id);
    } catch (error) {
      session.close();
      exit.cancel();
      throw error;
    }
    session.started();
    return await session.until(exit);
  },
});

type Streams = { readonly AttachStdin: boolean; readonly AttachStdout: boolean; readonly AttachStderr: boolean };

async function createContainer(
  context: Context,
  flags: CreateFlags,
  args: readonly string[],
  how: { readonly detach: boolean; readonly given: ReadonlySet<string> },
): Promise<{ readonly id: string; readonly streams: Streams }> {
  const { body, connections } = createRequest(context, flags, args, how);
  const image = args[0]!;
  if (flags.cidfile && existsSync(flags.cidfile))
    throw new ExitError(
      `container ID file found, make sure the other container isn't running or delete ${flags.cidfile}`,
      125,
    );
  const progress = flags.quiet ? undefined : context.err;
  const post = () =>
    context.client.json<{ Id: string; Warnings: string[] | null }>('POST', '/containers/create', {
      query: { name: flags.name || undefined },
      body,
    });
  if (flags.pull === 'always') await asRunFailure(() => pullImage(context, image, progress));
  else if (flags.pull !== 'missing' && flags.pull !== 'never')
    throw new ExitError(`invalid pull option: '${flags.pull}': must be one of "always", "missing" or "never"`, 125);
  const created = await asRunFailure(async () => {
    try {
      return await post();
    } catch (error) {
      if (
        !(error instanceof EngineFailure && error.status === 404 && isMissingImage(error, image)) ||
        flags.pull === 'never'
      )
        throw error;
      context.err.write(`Unable to find image '${withTag(image)}' locally\n`);
      await pullImage(context, image, progress);
      return await post();
    }
  });
  for (const warning of created.Warnings ?? []) context.err.write(`WARNING: ${warning}\n`);
  try {
    for (const { network, settings } of connections)
      await context.client.text('POST', `${api('networks', network)}/connect`, {
        body: { Container: created.Id, EndpointConfig: settings },
      });
  } catch (error) {
    await context.client.text('DELETE', api('containers', created.Id), { query: { force: true, v: true } });
    throw runFailure(error);
  }
  if (flags.cidfile) writeFileSync(flags.cidfile, created.Id);
  return { id: created.Id, streams: body };
}

/** A 404 of create may also mean a network or a container that is referred to. */
function isMissingImage(error: EngineFailure, image: string): boolean {
  return (
    /no such image/i.test(error.message) ||
    (error.message.includes(image.replace(/[:@].*$/, '')) && /image/i.test(error.message))
  );
}

async function asRunFailure<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw runFailure(error);
  }
}

/** The daemon's refusal with `run`'s exit statuses: 127 not found, 126 not executable, 125 all else. */
function runFailure(error: unknown): unknown {
  if (error instanceof Unreachable) return new ExitError(`passerelle: ${error.message}`, 125);
  if (!(error instanceof EngineFailure)) return error;
  const { message } = error;
  const status = /executable file not found|no such file or directory|system cannot find the file/.test(message)
    ? 127
    : /permission denied|is a directory/i.test(message)
      ? 126
      : 125;
  return new ExitError(
    `passerelle: Error response from daemon: ${message}\n\nRun 'passerelle run --help' for more information`,
    status,
  );
}

async function startContainer(context: Context, id: string): Promise<void> {
  await asRunFailure(() => context.client.text('POST', `${api('containers', id)}/start`));
}

export interface Exit {
  readonly status: Promise<number>;
  /** Nobody waits for it any more. */
  cancel(): void;
}

/** The daemon answers the head of a wait once it is sure to see the exit. */
export async function awaitExit(
  context: Context,
  id: string,
  condition: 'removed' | 'next-exit' | 'not-running',
): Promise<Exit> {
  const answer = await context.client.request('POST', `${api('containers', id)}/wait`, { query: { condition } });
  const status = readExit(answer);
  return {
    status,
    cancel: () => {
      status.catch(() => undefined);
      answer.destroy();
    },
  };
}

async function readExit(answer: IncomingMessage): Promise<number> {
  let text = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer as AsyncIterable<string>) text += chunk;
  const found = JSON.parse(text) as { StatusCode: number; Error?: { Message: string } | null };
  if (found.Error?.Message) throw new ExitError(`Error waiting for container: ${found.Error.Message}`, 125);
  return found.StatusCode;
}

export interface Session {
  /** The container runs: its terminal has a size, and signals are for it. */
  started(): void;
  /** The exit status, after all output; 0 if the user detached. */
  until(exit: Exit): Promise<number>;
  close(): void;
}

const PROXIED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGALRM'] as const;

export async function attach(
  context: Context,
  id: string,
  options: Streams & { readonly logs: boolean; readonly tty: boolean; readonly sigProxy: boolean },
): Promise<Session> {
  const query = {
    stream: 1,
    logs: options.logs ? 1 : undefined,
    stdin: options.AttachStdin ? 1 : undefined,
    stdout: options.AttachStdout ? 1 : undefined,
    stderr: options.AttachStderr ? 1 : undefined,
  };
  const connection = await context.client.hijack(`${api('containers', id)}/attach`, { query });
  return openSession(context, connection, {
    stdin: options.AttachStdin,
    tty: options.tty,
    resize: (columns, rows) =>
      context.client.text('POST', `${api('containers', id)}/resize`, { query: { w: columns, h: rows } }),
    ...(options.sigProxy && {
      signal: (name: string) =>
        context.client.text('POST', `${api('containers', id)}/kill`, { query: { signal: name } }),
    }),
  });
}

/** Ties the user's streams to a connection that carries a process's. */
export function openSession(
  context: Context,
  connection: Duplex,
  process: {
    readonly stdin: boolean;
    readonly tty: boolean;
    resize(columns: number, rows: number): Promise<unknown>;
    signal?(name: string): Promise<unknown>;
  },
): Session {
  const terminal = process.tty && process.stdin ? takeTerminal(context) : { restore: () => undefined };
  const input = process.stdin ? feed(context, connection, process.tty) : undefined;
  const output = copyOutput(connection, process.tty, context.out, context.err);
  const detached = new Promise<'detached'>((resolve) => input?.keys?.once('detached', () => resolve('detached')));
  let size: { stop(): void } | undefined;
  const handlers = PROXIED.map((name) => {
    // A signal that comes too late finds no process: that is what it asked for.
    const handler = (): void => void process.signal?.(name).catch(() => undefined);
    return { name, handler };
  });
  const close = (): void => {
    size?.stop();
    input?.stop();
    terminal.restore();
    for (const { name, handler } of handlers) globalThis.process.off(name, handler);
    connection.destroy();
  };
  return {
    close,
    started: () => {
      if (process.tty) size = followSize(context, (columns, rows) => process.resize(columns, rows));
      if (process.signal) for (const { name, handler } of handlers) globalThis.process.on(name, handler);
    },
    until: async (exit) => {
      try {
        const end = await Promise.race([detached, Promise.all([output, exit.status])]);
        if (end !== 'detached') return end[1];
        exit.cancel();
        context.out.write('\n');
        return 0;
      } finally {
        // What is still under way ends with the connection.
        output.catch(() => undefined);
        close();
      }
    },
  };
}
