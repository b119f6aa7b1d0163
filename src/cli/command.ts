import type { EngineClient } from './client/client.ts';
import type { Flags, Values } from './flags.ts';

/** What a command has to do with. */
export interface Context {
  readonly client: EngineClient;
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
  readonly in: NodeJS.ReadStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  /** Milliseconds since 1970. */
  now(): number;
  /** The command is only to be planned, and the plan printed like this. */
  readonly plan?: { readonly json: boolean };
}

export interface Invocation<F> {
  readonly flags: Values<F>;
  readonly args: readonly string[];
  readonly given: ReadonlySet<string>;
}

interface Definition<F extends Flags> {
  /** `network create` */
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** What follows the options: `NETWORK [NETWORK...]`. */
  readonly operands?: string;
  readonly arity: { readonly least: number; readonly most?: number };
  /** False: options end at the first argument, as what follows has options of its own. */
  readonly interspersed?: boolean;
  readonly flags: F;
  /** Command line and what it is for. */
  readonly examples: readonly (readonly [string, string])[];
  /** Gives the exit status. */
  run(context: Context, invocation: Invocation<F>): Promise<number>;
}

export type Command = Definition<Flags>;

export interface Group {
  /** `network` */
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly Command[];
}

/** Ties the types of a command's flags to what its `run` receives. */
export function command<F extends Flags>(definition: Definition<F>): Command {
  return definition;
}

export function wordOf(command: Command): string {
  return command.name.slice(command.name.lastIndexOf(' ') + 1);
}

/** Ends the program with this status after `message` on the error stream. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly status: number;

  constructor(message: string, status = 1) {
    super(message);
    this.status = status;
  }
}
