/** A trace of a snapshot that grows as far as the packet comes. */
import { sandboxesMet, sandboxesNamed } from '../../core/insight/snapshot/met.ts';
import type { Snapshot } from '../../core/insight/snapshot/snapshot.ts';
import type { TraceQuestion } from '../../core/insight/trace/question.ts';
import type { Trace } from '../../core/insight/trace/trace.ts';
import type { Snapshots } from './snapshots.ts';

/**
 * The snapshot with all that the packet may have to do with, and its trace through it, which is the same
 * as through all that there is.
 *
 * @throws TraceError
 */
export async function traceGrowing(
  snapshots: Snapshots,
  question: TraceQuestion,
  trace: (snapshot: Snapshot) => Trace,
): Promise<{ readonly snapshot: Snapshot; readonly trace: Trace }> {
  const growing = await snapshots.begin();
  const { snapshot } = growing;
  await growing.grow(sandboxesNamed(snapshot, question));
  for (;;) {
    const traced = trace(snapshot);
    if (!snapshot.engine || !(await growing.grow(sandboxesMet(snapshot.engine, traced)))) {
      return { snapshot, trace: traced };
    }
  }
}
