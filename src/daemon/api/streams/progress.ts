import type { Progress } from '../../../core/image/image.ts';
import { messageOf } from '../http/errors.ts';
import { stream, type Reply } from '../http/reply.ts';

/**
 * Progress messages as an answer. What goes wrong before the first one is a refusal with a status of
 * its own; what goes wrong later can only be said in the stream.
 */
export async function progressReply(messages: AsyncIterable<Progress>): Promise<Reply> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  return stream(lines(first, iterator), 'application/json');
}

async function* lines(
  first: IteratorResult<Progress>,
  iterator: AsyncIterator<Progress>,
): AsyncGenerator<string, void, undefined> {
  let ended = false;
  try {
    for (let next = first; !next.done; next = await iterator.next()) yield `${JSON.stringify(next.value)}\r\n`;
    ended = true;
  } catch (error) {
    ended = true;
    const message = messageOf(error);
    yield `${JSON.stringify({ errorDetail: { message }, error: message })}\r\n`;
  } finally {
    if (!ended) await iterator.return?.();
  }
}
