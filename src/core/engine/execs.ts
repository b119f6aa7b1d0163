/** Exec instances: made, started once, remembered until their container goes. */
import { EngineError } from '../network/error.ts';
import type { Context } from './context.ts';
import type { ExecView } from './engine.ts';
import { findContainer } from './lookup.ts';
import { RuntimeError, type ExecProcess, type ExecSpec } from './runtime.ts';

interface Exec {
  readonly spec: ExecSpec;
  process?: ExecProcess;
  exitCode: number | null;
}

export class Execs {
  readonly #context: Context;
  readonly #execs = new Map<string, Exec>();

  constructor(context: Context) {
    this.#context = context;
  }

  create(ref: string, request: Omit<ExecSpec, 'id' | 'containerId'>): string {
    const { ledger, clock } = this.#context;
    const container = findContainer(ledger, ref);
    if (container.state.status === 'paused') {
      throw new EngineError('conflict', `Container ${ref} is paused, unpause the container before exec`);
    }
    if (container.state.status !== 'running')
      throw new EngineError('conflict', `Container ${container.id} is not running`);
    if (request.args.length === 0) throw new EngineError('invalid', 'No exec command specified');
    const spec = { ...request, id: clock.hex(32), containerId: container.id };
    this.#execs.set(spec.id, { spec, exitCode: null });
    this.#tell('exec_create', spec, commandOf(spec));
    return spec.id;
  }

  async start(id: string, { tty }: { readonly tty: boolean }): Promise<ExecProcess> {
    const exec = this.#startable(id);
    try {
      exec.process = await this.#context.runtime.exec({ ...exec.spec, tty });
    } catch (error) {
      exec.exitCode = error instanceof RuntimeError ? error.exitCode : 126;
      throw error;
    }
    this.#tell('exec_start', exec.spec, commandOf(exec.spec));
    void exec.process.exited.then(
      (exitCode) => this.#ended(exec, exitCode),
      (error: unknown) => {
        this.#context.log.warn(`exec ${id}: ${String(error)}`);
        this.#ended(exec, 137);
      },
    );
    return exec.process;
  }

  get(id: string): ExecView {
    return view(this.#find(id));
  }

  getStartable(id: string): ExecView {
    return view(this.#startable(id));
  }

  async resize(id: string, columns: number, rows: number): Promise<void> {
    const exec = this.#find(id);
    if (!exec.process) throw new EngineError('conflict', `Exec ${id} is not running`);
    await exec.process.resize(columns, rows);
  }

  /** The ids of a container's instances. */
  of(containerId: string): readonly string[] {
    return [...this.#execs.values()].filter(({ spec }) => spec.containerId === containerId).map(({ spec }) => spec.id);
  }

  /** Forgets an instance that nobody will ask for. */
  discard(id: string): void {
    this.#execs.delete(id);
  }

  /** Forgets the instances of a container that was removed. */
  forget(containerId: string): void {
    for (const id of this.of(containerId)) this.#execs.delete(id);
  }

  #ended(exec: Exec, exitCode: number): void {
    exec.exitCode = exitCode;
    this.#tell('exec_die', exec.spec, '', { exitCode: String(exitCode) });
  }

  #find(id: string): Exec {
    const exec = this.#execs.get(id);
    if (!exec) throw new EngineError('not-found', `No such exec instance: ${id}`);
    return exec;
  }

  #startable(id: string): Exec {
    const exec = this.#find(id);
    if (exec.process || exec.exitCode !== null) {
      throw new EngineError('conflict', `Error: Exec command ${id} has already run`);
    }
    const container = findContainer(this.#context.ledger, exec.spec.containerId);
    if (container.state.status !== 'running')
      throw new EngineError('conflict', `Container ${container.id} is not running`);
    return exec;
  }

  #tell(action: string, spec: ExecSpec, suffix: string, more: Record<string, string> = {}): void {
    const container = this.#context.ledger.container.get(spec.containerId);
    if (!container) return;
    this.#context.events.publish({
      type: 'container',
      action: `${action}${suffix}`,
      id: container.id,
      attributes: {
        ...container.config.Labels,
        execID: spec.id,
        image: container.config.Image,
        name: container.name,
        ...more,
      },
      time: this.#context.clock.now(),
    });
  }
}

function view({ spec, process, exitCode }: Exec): ExecView {
  return { spec, running: process !== undefined && exitCode === null, exitCode, pid: process?.pid ?? 0 };
}

/** As Docker tells it, with a blank behind a program that has no arguments. */
const commandOf = ({ args: [program, ...args] }: ExecSpec): string => `: ${program} ${args.join(' ')}`;
