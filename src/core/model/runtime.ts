/** The Runtime port in memory: processes that are a number, a state and an exit code. */
import type { ContainerRecord } from '../container/container.ts';
import type { Clock } from '../engine/clock.ts';
import {
  RuntimeError,
  type EtcFile,
  type ExecProcess,
  type ExecSpec,
  type Exit,
  type Input,
  type LogQuery,
  type OutputChunk,
  type Runtime,
  type StartSpec,
} from '../engine/runtime.ts';
import { OutputLog } from './runtime/log.ts';
import { InputQueue } from './runtime/input.ts';
import { ModelProcess, type Program, type Streams } from './runtime/process.ts';

const FIRST_PID = 1000;
/** The exit code of a container of which nothing is known but that it does not run. */
const UNKNOWN = 255;

/** Where a process runs. */
export interface ProcessPlace {
  readonly spec: StartSpec;
  /** The container's own process, or one that was called in. */
  readonly isExec: boolean;
  readonly tty: boolean;
  readonly etc: (file: EtcFile) => string | undefined;
}

/** What lasts from prepare to remove. */
interface Prepared {
  readonly etc: Map<EtcFile, string>;
  readonly log: OutputLog;
  /** One life of the process, from create to clean. */
  run?: ModelProcess;
  input?: InputQueue;
  spec?: StartSpec;
  exit?: Exit;
}

/** It is given to one engine after the other: what runs in it outlives them. */
export class ModelRuntime implements Runtime {
  readonly #clock: Clock;
  readonly #program: (args: readonly string[], place: ProcessPlace) => Program;
  readonly #containers = new Map<string, Prepared>();
  #pids = FIRST_PID;

  /** `program` says what a command line does; by default all run until a signal ends them. */
  constructor(clock: Clock, program: (args: readonly string[], place: ProcessPlace) => Program = () => ({})) {
    this.#clock = clock;
    this.#program = program;
  }

  /** The containers that are prepared, with their processes' pids; 0 if there is none. */
  running(): ReadonlyMap<string, number> {
    return new Map([...this.#containers].map(([id, { run }]) => [id, run && !run.ended ? run.pid : 0]));
  }

  /** What the container's process was made with. */
  specOf(id: string): StartSpec | undefined {
    return this.#prepared(id).spec;
  }

  etcFile(id: string, file: EtcFile): string | undefined {
    return this.#prepared(id).etc.get(file);
  }

  /** The process ends by itself, or is killed from outside. */
  end(id: string, exitCode: number, oomKilled = false): void {
    this.#run(id).end(exitCode, oomKilled);
  }

  /** The process writes. */
  write(id: string, text: string, stream: OutputChunk['stream'] = 'stdout'): void {
    this.#prepared(id).log.write(stream, text, this.#clock.now());
  }

  async prepare({ id }: ContainerRecord): Promise<void> {
    if (!this.#containers.has(id)) this.#containers.set(id, { etc: new Map(), log: new OutputLog() });
  }

  async writeEtc(id: string, file: EtcFile, content: string): Promise<void> {
    this.#prepared(id).etc.set(file, content);
  }

  async readEtc(id: string, file: EtcFile): Promise<string> {
    return this.etcFile(id, file) ?? '';
  }

  etcPath(id: string, file: EtcFile): string {
    return `/containers/${id}/${file}`;
  }

  logPath(id: string): string {
    return `/containers/${id}/log`;
  }

  async create(spec: StartSpec): Promise<number> {
    const { container } = spec;
    const prepared = this.#prepared(container.id);
    // What an engine left that died between create and start.
    if (prepared.run) await this.clean(container.id);
    const { Tty: tty, OpenStdin } = container.config;
    const program = this.#program(container.args, this.#place(prepared, spec, false, tty));
    if (program.refusal) throw new RuntimeError(program.refusal.message, program.refusal.exitCode);
    const input = new InputQueue();
    if (!OpenStdin) input.end();
    const write: Streams['write'] = (text, stream) => this.write(container.id, onTerminal(text, tty), stream);
    const run = new ModelProcess(this.#pids++, program, this.#clock, { input, write });
    delete prepared.exit;
    Object.assign(prepared, { run, spec, input });
    void run.exited.then((exit) => {
      if (prepared.run === run) prepared.exit = exit;
      prepared.log.end();
    });
    return run.pid;
  }

  async start(id: string): Promise<void> {
    this.#run(id).start();
  }

  async clean(id: string): Promise<void> {
    const prepared = this.#prepared(id);
    const { run } = prepared;
    if (!run) return;
    run.end(128 + 9);
    prepared.exit = await run.exited;
    delete prepared.run;
  }

  async remove(id: string): Promise<void> {
    if (!this.#containers.has(id)) return;
    await this.clean(id);
    this.#prepared(id).log.close();
    this.#containers.delete(id);
  }

  async exited(id: string): Promise<Exit> {
    const { run, exit } = this.#prepared(id);
    if (run?.isWaiting) run.end(128 + 9);
    return run ? run.exited : (exit ?? { exitCode: UNKNOWN, oomKilled: false, at: this.#clock.now() });
  }

  async adopt(id: string): Promise<number | null> {
    const run = this.#containers.get(id)?.run;
    return run && !run.ended && !run.isWaiting ? run.pid : null;
  }

  async signal(id: string, signal: number): Promise<void> {
    this.#run(id).signal(signal);
  }

  async pause(id: string): Promise<void> {
    this.#run(id).freeze();
  }

  async unpause(id: string): Promise<void> {
    this.#run(id).thaw();
  }

  async resize(id: string): Promise<void> {
    this.#run(id);
  }

  async update({ id }: ContainerRecord): Promise<void> {
    this.#run(id);
  }

  logs(id: string, query: LogQuery & { readonly fromNow?: boolean }): AsyncIterable<OutputChunk> {
    const { log, run } = this.#prepared(id);
    return log.read(query, run !== undefined && !run.ended);
  }

  async input(id: string, options: { readonly once: boolean }): Promise<Input> {
    this.#run(id);
    return this.#prepared(id).input!.writer(options);
  }

  async exec({ containerId, args, tty, stdin }: ExecSpec): Promise<ExecProcess> {
    this.#run(containerId);
    const prepared = this.#prepared(containerId);
    const program = this.#program(args, this.#place(prepared, prepared.spec!, true, tty));
    if (program.refusal) throw new RuntimeError(program.refusal.message, program.refusal.exitCode);
    const log = new OutputLog();
    const input = new InputQueue();
    if (!stdin) input.end();
    const run = new ModelProcess(this.#pids++, program, this.#clock, {
      input,
      write: (text, stream = 'stdout') => log.write(stream, onTerminal(text, tty), this.#clock.now()),
    });
    void run.exited.then(() => log.end());
    run.start();
    void this.#run(containerId).exited.then(() => run.end(128 + 9));
    return {
      pid: run.pid,
      output: log.read({ stdout: true, stderr: true, follow: true }, true),
      input: input.writer({ once: true }),
      exited: run.exited.then(({ exitCode }) => exitCode),
      resize: async () => {},
      kill: () => run.signal(9),
    };
  }

  async processes(id: string): Promise<readonly number[]> {
    const run = this.#containers.get(id)?.run;
    return run && !run.ended ? [run.pid] : [];
  }

  async close(): Promise<void> {}

  /** What runs has been made with. */
  specs(): readonly StartSpec[] {
    return [...this.#containers.values()].flatMap(({ run, spec }) => (run && !run.ended && spec ? [spec] : []));
  }

  /** The command line of a container's process; empty if there is none of that pid. */
  commandOf(pid: number): string {
    const found = [...this.#containers.values()].find(({ run }) => run?.pid === pid);
    return found?.spec?.container.args.join(' ') ?? '';
  }

  #place({ etc }: Prepared, spec: StartSpec, isExec: boolean, tty: boolean): ProcessPlace {
    return { spec, isExec, tty, etc: (file) => etc.get(file) };
  }

  #prepared(id: string): Prepared {
    const prepared = this.#containers.get(id);
    if (!prepared) throw new RuntimeError(`container ${id} is not prepared`);
    return prepared;
  }

  #run(id: string): ModelProcess {
    const { run } = this.#prepared(id);
    if (!run) throw new RuntimeError(`Container ${id} is not running`);
    return run;
  }
}

/** A terminal goes back to the first column with each new line. */
const onTerminal = (text: string, tty: boolean): string => (tty ? text.replaceAll(/\r?\n/g, '\r\n') : text);
