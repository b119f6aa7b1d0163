import { PassThrough } from 'node:stream';
import { main } from '../../src/cli/program.ts';

export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the program in this process, in `folder`; by default a minute after the start of 2026. */
export async function runPasserelle(
  words: readonly string[],
  folder: string,
  environment: Readonly<Record<string, string>>,
  input = '',
  now = Date.parse('2026-01-01T00:01:00Z'),
): Promise<Outcome> {
  const [out, err, stdin] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const read = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString() ?? '';
  stdin.end(input);
  const status = await main(words, {
    out: out as unknown as NodeJS.WriteStream,
    err: err as unknown as NodeJS.WriteStream,
    in: Object.assign(stdin, { unref: () => stdin }) as unknown as NodeJS.ReadStream,
    environment,
    folder,
    now: () => now,
  });
  return { status, out: read(out), err: read(err) };
}
