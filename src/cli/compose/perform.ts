/** Does a plan's tasks: each as soon as those it waits for are done. */
import type { Task, Wait } from '../../core/compose/task.ts';
import { apiPath } from '../../core/compose/task.ts';
import type { Context } from '../command.ts';
import { EngineFailure } from '../client/client.ts';
import { Progress } from './progress.ts';

/** As many requests at once as docker-compose makes at most. */
const PARALLEL = 64;
const POLL_MILLISECONDS = 500;

/** Gives what went wrong: task name -> message. Tasks after a failed one are not done. */
export async function perform(context: Context, tasks: readonly Task[]): Promise<ReadonlyMap<string, string>> {
  const performance = new Performance(context, tasks);
  await performance.run();
  for (const [name, message] of performance.failures) context.err.write(`\nERROR: for ${name}  ${message}\n`);
  return performance.failures;
}

class Performance {
  readonly failures = new Map<string, string>();
  readonly #context: Context;
  readonly #tasks: readonly Task[];
  /** Undefined: nothing happens that could be told. */
  readonly #progress: Progress | undefined;
  readonly #ids: ReadonlySet<string>;
  readonly #done = new Set<string>();
  readonly #failed = new Set<string>();
  readonly #begun = new Set<string>();

  constructor(context: Context, tasks: readonly Task[]) {
    this.#context = context;
    this.#tasks = tasks;
    this.#progress = context.client.isForReal ? new Progress(context.err) : undefined;
    this.#ids = new Set(tasks.map((task) => task.id));
  }

  async run(): Promise<void> {
    const running = new Map<string, Promise<void>>();
    for (;;) {
      for (const task of this.#tasks) {
        if (running.size >= PARALLEL || this.#begun.has(task.id)) continue;
        const before = task.after.filter((id) => this.#ids.has(id));
        if (before.some((id) => this.#failed.has(id))) this.#skip(task);
        else if (before.every((id) => this.#done.has(id)))
          running.set(
            task.id,
            this.#start(task).finally(() => running.delete(task.id)),
          );
      }
      if (running.size === 0) return;
      await Promise.race(running.values());
    }
  }

  #skip(task: Task): void {
    this.#begun.add(task.id);
    this.#failed.add(task.id);
  }

  async #start(task: Task): Promise<void> {
    this.#begun.add(task.id);
    const { says } = task;
    if ('line' in says) this.#progress?.line(says.line);
    else this.#progress?.begin(says.verb, says.name);
    try {
      // What is only planned does not come about by waiting.
      if (this.#context.client.isForReal) for (const wait of task.waits) await this.#wait(wait);
      for (const call of task.calls) await this.#call(call);
      this.#done.add(task.id);
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error;
      this.#failed.add(task.id);
      this.failures.set('line' in says ? task.id : says.name, error.message);
    }
    if (!('line' in says)) this.#progress?.end(says.verb, says.name, this.#done.has(task.id) ? 'done' : 'error');
  }

  async #call(call: Task['calls'][number]): Promise<void> {
    try {
      await this.#context.client.text(call.method, call.path, { body: call.body });
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error;
      if (call.mayBeGone && error.status === 404) return;
      throw call.purpose ? new EngineFailure(error.status, `${call.purpose}: ${error.message}`) : error;
    }
  }

  async #wait({ container, condition }: Wait): Promise<void> {
    for (;;) {
      const { State } = await this.#context.client.json<{
        State: { Running: boolean; Status: string; ExitCode: number; Health?: { Status: string } };
      }>('GET', `${apiPath('containers', container)}/json`);
      if (condition === 'completed' && State.Status === 'exited') {
        if (State.ExitCode === 0) return;
        throw new EngineFailure(
          409,
          `Container ${container} exited with status ${State.ExitCode}, and has to complete successfully first.`,
        );
      }
      if (condition === 'healthy') {
        if (State.Health?.Status === 'healthy') return;
        if (!State.Health)
          throw new EngineFailure(
            409,
            `Container ${container} has no health to wait for: it needs a healthcheck that the engine runs.`,
          );
        if (State.Health.Status === 'unhealthy') throw new EngineFailure(409, `Container ${container} is unhealthy.`);
        if (!State.Running) throw new EngineFailure(409, `Container ${container} has exited before it was healthy.`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
    }
  }
}
