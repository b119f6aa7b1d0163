/**
 * What changes would do: the use cases themselves carry them out, on a copy of the records, over ports that
 * look where the real ones look and do nothing.
 */
import { isAlive } from '../../container/container.ts';
import { ManualClock } from '../../model/clock.ts';
import type { Step } from '../../plan/step.ts';
import { assemble } from '../assembly.ts';
import { planner } from '../blueprint.ts';
import type { Context } from '../context.ts';
import type { Rehearsal } from '../engine.ts';
import { Events } from '../event.ts';
import { MemoryStore } from '../memory-store.ts';
import { Transactions } from '../transaction.ts';
import { RehearsedRuntime } from './runtime.ts';
import { RehearsedVolumes } from './volumes.ts';

/** Another one than that of engines in memory: no id is drawn twice. */
const CHANCE = 20_191_123;

export function rehearse(original: Context): Rehearsal {
  const steps: Step[] = [];
  const ledger = original.ledger.copy();
  // Nothing that waits for its time comes. Chance is the same each time, so that a rehearsal can be told again
  // from its beginning, with something after it.
  const clock = new ManualClock(original.clock.now(), CHANCE);
  const kernel: Context['kernel'] = {
    apply: async (asked) => void steps.push(...asked),
    observe: (scope) => original.kernel.observe(scope),
    watch: () => ({ close: () => undefined }),
    heard: () => original.kernel.heard(),
    namespacePath: (sandbox) => original.kernel.namespacePath(sandbox),
    flushUdpConntrack: async () => 0,
    announce: async () => true,
    close: async () => undefined,
  };
  const sockets: Context['sockets'] = {
    apply: async (asked) => void steps.push(...asked),
    close: async () => undefined,
  };
  const store = new MemoryStore();
  const volumes = new RehearsedVolumes(original.volumes, clock);
  const runtime = new RehearsedRuntime(original.runtime, clock, ledger);
  const context: Context = {
    ...original,
    kernel,
    sockets,
    store,
    volumes,
    runtime,
    clock,
    log: { info: () => undefined, warn: () => undefined },
    ledger,
    transactions: new Transactions(ledger, store, kernel, sockets, planner(original.settings)),
    events: new Events(),
  };
  const assembly = assemble(context);
  const { networks, containers } = assembly;
  for (const container of ledger.container.values()) if (isAlive(container)) containers.lifecycle.watch(container.id);
  return { networks, containers, volumes, steps, close: () => assembly.close() };
}
