import type { Readable } from 'node:stream';
import type { Input, OutputChunk } from '../../../core/engine/runtime.ts';
import { pump } from '../http/pump.ts';
import type { Connection } from '../http/reply.ts';
import { DetachScanner } from './detach.ts';
import { encoded } from './frame.ts';

export interface Dialogue {
  readonly output: AsyncIterable<OutputChunk>;
  readonly input: Input | undefined;
  readonly tty: boolean;
  /** What ends the dialogue when it is typed; undefined: nothing does. */
  readonly detachKeys: Uint8Array | undefined;
}

/**
 * Connects a client with a process until the output ends, the client goes away, or detaches. When
 * the client ends its side, the process sees the end of its input and its output goes on.
 */
export async function converse({ input, output, gone }: Connection, dialogue: Dialogue): Promise<void> {
  const detached = new AbortController();
  const leave = (): void => detached.abort();
  gone.addEventListener('abort', leave);
  if (dialogue.input) {
    // Reading fails only when the client is gone, which ends the output too.
    feed(input, dialogue.input, dialogue.detachKeys, leave).catch(leave);
  } else {
    // A client can be seen to go away only if somebody reads.
    input.resume();
  }
  try {
    await pump(encoded(dialogue.output, dialogue.tty), output, detached.signal);
  } finally {
    gone.removeEventListener('abort', leave);
  }
}

async function feed(from: Readable, to: Input, keys: Uint8Array | undefined, detach: () => void): Promise<void> {
  const scanner = keys && new DetachScanner(keys);
  let failed = false;
  const write = async (data: Uint8Array): Promise<boolean> => {
    const { pass, detached } = scanner ? scanner.scan(data) : { pass: data, detached: false };
    // The process may have closed its input, or ended: what is typed then is lost, as in a shell.
    if (pass.length > 0 && !failed) await to.write(pass).catch(() => (failed = true));
    if (detached) detach();
    return detached;
  };
  // The connection stays: its output goes on.
  for await (const data of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    if (await write(data)) return;
  }
  await to.end().catch(() => undefined);
}
