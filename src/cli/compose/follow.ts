/** The output of a project's containers, each line with the name of its container. */
import { StringDecoder } from 'node:string_decoder';
import { styleText } from 'node:util';
import type { Context } from '../command.ts';
import { frames } from '../client/multiplex.ts';
import { apiPath } from '../../core/compose/task.ts';

const COLOURS = [
  'cyan',
  'yellow',
  'green',
  'magenta',
  'blue',
  'cyanBright',
  'yellowBright',
  'greenBright',
  'magentaBright',
  'blueBright',
] as const;

/** The container's name without the project's: `web_1`. */
export interface Source {
  readonly id: string;
  readonly name: string;
}

export interface LogOptions {
  readonly follow: boolean;
  readonly tail: string;
  readonly timestamps: boolean;
  readonly colour: boolean;
  readonly prefix: boolean;
  readonly signal?: AbortSignal;
}

/** Resolves when all have ended, or once the signal came. */
export async function printLogs(context: Context, sources: readonly Source[], options: LogOptions): Promise<void> {
  // Room for the number of a third digit, as docker-compose leaves it.
  const width = Math.max(0, ...sources.map((source) => source.name.replace(/_\d+$/, '').length + 3));
  await Promise.all(
    sources.map(async (source, index) => {
      const head = `${source.name.padEnd(width)} |`;
      const prefix = options.colour ? styleText(COLOURS[index % COLOURS.length]!, head) : head;
      try {
        for await (const line of linesOf(context, source.id, options))
          context.out.write(options.prefix ? `${prefix} ${line}\n` : `${line}\n`);
      } catch (error) {
        if (!options.signal?.aborted) throw error;
      }
    }),
  );
}

async function* linesOf(context: Context, id: string, options: LogOptions): AsyncGenerator<string> {
  const { Config } = await context.client.json<{ Config: { Tty: boolean } }>(
    'GET',
    `${apiPath('containers', id)}/json`,
  );
  const answer = await context.client.request('GET', `${apiPath('containers', id)}/logs`, {
    query: {
      stdout: 1,
      stderr: 1,
      tail: options.tail,
      follow: options.follow ? 1 : undefined,
      timestamps: options.timestamps ? 1 : undefined,
    },
    ...(options.signal && { signal: options.signal }),
  });
  const decoders = new Map<string, { decoder: StringDecoder; rest: string }>();
  const chunks = Config.Tty ? asFrames(answer) : frames(answer);
  for await (const { stream, data } of chunks) {
    const state = decoders.get(stream) ?? { decoder: new StringDecoder('utf8'), rest: '' };
    decoders.set(stream, state);
    const lines = (state.rest + state.decoder.write(data)).split('\n');
    state.rest = lines.pop()!;
    yield* lines.map((line) => line.replace(/\r$/, ''));
  }
  for (const { rest } of decoders.values()) if (rest !== '') yield rest;
}

async function* asFrames(source: AsyncIterable<Buffer>) {
  for await (const data of source) yield { stream: 'stdout', data };
}
