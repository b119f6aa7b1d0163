/** Runs the containers' health checks: one at a time for each, an interval after the start or the last one. */
import type { ContainerRecord } from '../container/container.ts';
import { healthCheck, judge, NO_RESULTS } from '../container/health.ts';
import type { HealthCheck, HealthHistory, HealthResult } from '../container/health.ts';
import type { Context } from './context.ts';
import type { Health } from './engine.ts';
import type { EngineEvent } from './event.ts';
import type { Execs } from './execs.ts';
import type { ExecProcess, OutputChunk } from './runtime.ts';

/** Bytes of a check's output that are kept. */
const OUTPUT = 4096;

/** From one check to the next. */
interface Round {
  timer: { cancel(): void };
  process?: ExecProcess;
}

/**
 * The status is part of the container's record, and written when it changes; the results are kept in
 * memory. What ends or pauses a container is seen by the engine's events.
 */
export class HealthChecks {
  readonly #context: Context;
  readonly #execs: Execs;
  readonly #tell: (container: ContainerRecord, action: string) => void;
  readonly #rounds = new Map<string, Round>();
  readonly #histories = new Map<string, HealthHistory>();
  readonly #subscription: { close(): void };

  constructor(context: Context, execs: Execs, tell: (container: ContainerRecord, action: string) => void) {
    this.#context = context;
    this.#execs = execs;
    this.#tell = tell;
    this.#subscription = context.events.subscribe((event) => this.#notice(event));
  }

  of({ id, state }: ContainerRecord): Health | undefined {
    return state.health && { status: state.health, ...(this.#histories.get(id) ?? NO_RESULTS) };
  }

  /** Checks a running container from now on, if it has a health check. */
  begin(id: string): void {
    const container = this.#context.ledger.container.get(id);
    const check = container && healthCheck(container.config);
    if (!check) return;
    const { clock, log } = this.#context;
    const round: Round = {
      timer: clock.after(check.interval, () => {
        this.#run(id, check, round).catch((error: unknown) =>
          log.warn(`container ${id}: its health could not be checked: ${String(error)}`),
        );
      }),
    };
    this.#rounds.set(id, round);
  }

  close(): void {
    this.#subscription.close();
    for (const id of this.#rounds.keys()) this.#end(id);
  }

  #notice({ type, action, id }: EngineEvent): void {
    if (type !== 'container') return;
    switch (action) {
      case 'start':
        this.#forgetFailures(id);
        return this.begin(id);
      case 'unpause':
        return this.begin(id);
      case 'pause':
      case 'die':
        return this.#end(id);
      case 'destroy':
        this.#histories.delete(id);
    }
  }

  #forgetFailures(id: string): void {
    const history = this.#histories.get(id);
    if (history) this.#histories.set(id, { ...history, failingStreak: 0 });
  }

  #end(id: string): void {
    const round = this.#rounds.get(id);
    this.#rounds.delete(id);
    round?.timer.cancel();
    round?.process?.kill();
  }

  async #run(id: string, check: HealthCheck, round: Round): Promise<void> {
    const result = await this.#check(id, check, round);
    if (this.#rounds.get(id) !== round) return;
    try {
      await this.#note(id, check, result);
    } finally {
      if (this.#rounds.get(id) === round) this.begin(id);
    }
  }

  async #check(id: string, { args, timeout }: HealthCheck, round: Round): Promise<HealthResult> {
    const { clock } = this.#context;
    const start = clock.now();
    const result = (exitCode: number, output: string): HealthResult => ({ start, end: clock.now(), exitCode, output });
    let isLate = false;
    const timer = clock.after(timeout, () => {
      isLate = true;
      round.process?.kill();
    });
    let exec: string | undefined;
    try {
      exec = this.#execs.create(id, { ...EXEC, args });
      const process = await this.#execs.start(exec, { tty: false });
      round.process = process;
      if (isLate || this.#rounds.get(id) !== round) process.kill();
      const [exitCode, output] = await Promise.all([process.exited, text(process.output)]);
      return isLate ? result(-1, `Health check exceeded timeout (${printTime(timeout)})`) : result(exitCode, output);
    } catch (error) {
      return result(-1, error instanceof Error ? error.message : String(error));
    } finally {
      timer.cancel();
      if (exec) this.#execs.discard(exec);
    }
  }

  async #note(id: string, check: HealthCheck, result: HealthResult): Promise<void> {
    const { ledger, transactions } = this.#context;
    const container = ledger.container.get(id);
    if (container?.state.status !== 'running') return;
    const { startedAt, health = 'starting' } = container.state;
    const { status, history } = judge(health, this.#histories.get(id) ?? NO_RESULTS, result, check, startedAt);
    this.#histories.set(id, history);
    if (status === health) return;
    const { value: changed } = await transactions.change((draft) => {
      const now = draft.container.get(id);
      // It may have ended, and even been started again, while the change waited for its turn.
      if (now?.state.status !== 'running' || now.state.startedAt !== startedAt) return undefined;
      const next = { ...now, state: { ...now.state, health: status } };
      draft.container.put(next);
      return next;
    });
    if (changed) this.#tell(changed, `health_status: ${status}`);
  }
}

/** As the container's own process: its user, folder and environment. */
const EXEC = { tty: false, env: [], user: '', workingDir: '', privileged: false, stdin: false } as const;

/** The beginning of the output. It is read to its end, so that the process never waits. */
async function text(output: AsyncIterable<OutputChunk>): Promise<string> {
  const decoder = new TextDecoder();
  let read = 0;
  let kept = '';
  for await (const { data } of output) {
    kept += decoder.decode(data.subarray(0, Math.max(0, OUTPUT - read)), { stream: true });
    read += data.length;
  }
  return read > OUTPUT ? `${kept}...` : kept + decoder.decode();
}

/** Milliseconds as Docker prints a time: `700ms`, `1.5s`, `1m30s`. */
function printTime(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds}ms`;
  const seconds = milliseconds / 1000;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = `${Number((seconds % 60).toFixed(9))}s`;
  if (seconds < 60) return rest;
  return `${hours > 0 ? `${hours}h` : ''}${minutes}m${rest}`;
}
