/** Pulling an image, with its progress. */
import type { Context } from '../command.ts';
import { EngineFailure } from '../client/client.ts';

interface Progress {
  readonly id?: string;
  readonly status?: string;
  readonly progress?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
  readonly errorDetail?: { readonly message: string };
  readonly stream?: string;
}

/** `name`, its tag or digest; `latest` without either. */
export function splitReference(reference: string): { readonly name: string; readonly tag: string } {
  const digest = reference.indexOf('@');
  if (digest >= 0) return { name: reference.slice(0, digest), tag: reference.slice(digest + 1) };
  const colon = reference.lastIndexOf(':');
  if (colon > reference.lastIndexOf('/')) return { name: reference.slice(0, colon), tag: reference.slice(colon + 1) };
  return { name: reference, tag: 'latest' };
}

export function withTag(reference: string): string {
  const { name, tag } = splitReference(reference);
  return tag.includes(':') ? `${name}@${tag}` : `${name}:${tag}`;
}

/** Throws EngineFailure if it cannot be pulled. */
export async function pullImage(
  context: Context,
  reference: string,
  to: NodeJS.WriteStream | undefined,
): Promise<void> {
  const { name, tag } = splitReference(reference);
  await showProgress(
    context.client.stream<Progress>('POST', '/images/create', { query: { fromImage: name, tag } }),
    to,
  );
}

/** Prints a stream of progress: on a terminal a line for each layer, else each change of state once. */
export async function showProgress(stream: AsyncIterable<Progress>, to: NodeJS.WriteStream | undefined): Promise<void> {
  const lines: string[] = [];
  const said = new Map<string, string>();
  for await (const step of stream) {
    if (step.error) throw new EngineFailure(500, step.errorDetail?.message ?? step.error);
    if (!to) continue;
    if (step.stream) to.write(step.stream);
    if (step.status === undefined) continue;
    const text = step.id ? `${step.id}: ${step.status}` : step.status;
    if (to.isTTY && step.id) redraw(to, lines, step.id, `${text} ${step.progress ?? ''}`.trimEnd());
    else if (!step.progressDetail?.total && said.get(step.id ?? '') !== text) {
      said.set(step.id ?? '', text);
      to.write(`${text}\n`);
    }
  }
}

function redraw(to: NodeJS.WriteStream, lines: string[], id: string, text: string): void {
  if (!lines.includes(id)) {
    lines.push(id);
    to.write(`${text}\n`);
    return;
  }
  const up = lines.length - lines.indexOf(id);
  to.write(`\u001B[${up}A\u001B[2K\r${text}\u001B[${up}B\r`);
}
