import type { Progress } from '../../core/image/image.ts';

/** How often (ms) a running count is worth a message. */
const INTERVAL = 100;

/** Takes messages while work is going on. */
export type Report = (message: Progress) => void;

/**
 * Runs `work` and gives its messages as they come; what the work throws comes after them. When the
 * reader stops early, `signal` is raised and the work's end awaited, so that it can put things back.
 */
export async function* reporting(
  work: (report: Report, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<Progress, void> {
  const messages: Progress[] = [];
  const abort = new AbortController();
  const state = { isRunning: true, wake: (): void => undefined };
  const end = work((message) => {
    messages.push(message);
    state.wake();
  }, abort.signal).finally(() => {
    state.isRunning = false;
    state.wake();
  });
  // It is awaited below; until then a failure must not count as unhandled.
  end.catch(() => undefined);
  try {
    while (state.isRunning || messages.length > 0) {
      const message = messages.shift();
      if (message) yield message;
      else await new Promise<void>((resolve) => (state.wake = resolve));
    }
    await end;
  } finally {
    abort.abort(new Error('nobody waits for the result any more'));
    await end.catch(() => undefined);
  }
}

/** Passes a stream on and reports how much of it has gone by, now and then and at its end. */
export async function* metered(
  stream: AsyncIterable<Uint8Array>,
  report: Report,
  message: { readonly status: string; readonly id: string; readonly start?: number; readonly total: number },
): AsyncGenerator<Uint8Array> {
  const { status, id, total } = message;
  let current = message.start ?? 0;
  let last = 0;
  for await (const chunk of stream) {
    yield chunk;
    current += chunk.length;
    const now = Date.now();
    if (now - last < INTERVAL && current < total) continue;
    last = now;
    report({ status, progressDetail: { current, total }, id });
  }
}
