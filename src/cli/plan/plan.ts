/** `passerelle plan COMMAND` and `COMMAND --dry-run`: the command is carried out by a client that changes nothing. */
import { Readable, Writable } from 'node:stream';
import { planJson, printPlan } from '../../core/plan/print.ts';
import type { Command, Context, Invocation } from '../command.ts';
import { ExitError } from '../command.ts';
import { toggle, type Flags, type Values } from '../flags.ts';
import { PlanningClient } from './planning-client.ts';

const NETWORK = ['create', 'rm', 'connect', 'disconnect', 'prune'].map((word) => `network ${word}`);
const COMPOSE = ['up', 'down', 'start', 'stop', 'restart'].map((word) => `compose ${word}`);
const CONTAINER = ['create', 'start', 'stop', 'restart', 'rm', 'run', 'kill'];

/** The commands that change the host, by all their names. */
const PLANNABLE: ReadonlySet<string> = new Set([
  ...NETWORK,
  ...CONTAINER,
  ...CONTAINER.map((word) => `container ${word}`),
  'container prune',
  ...COMPOSE,
]);

export const DRY_RUN_FLAG = { 'dry-run': toggle('Show what would be done to the host, and do nothing') };

/** What `passerelle plan` has before the command. */
export const PLAN_FLAGS = { json: toggle('Print the plan as JSON') };

/** A plan's own exit statuses, as terraform's: whether there is anything to do. */
const NO_CHANGE = 0;
const CHANGES = 2;

export function isPlannable({ name }: Pick<Command, 'name'>): boolean {
  return PLANNABLE.has(name);
}

/** The command's flags, `--dry-run` among them if it has a plan. */
export function flagsWithDryRun(command: Command): Flags {
  return isPlannable(command) ? { ...command.flags, ...DRY_RUN_FLAG } : command.flags;
}

export async function runPlan(
  context: Context,
  command: Command,
  invocation: Invocation<Flags>,
  { json }: Values<typeof PLAN_FLAGS>,
): Promise<number> {
  if (!isPlannable(command))
    throw new ExitError(`'passerelle ${command.name}' does not change networks or what runs on them: there is no plan`);
  const client = new PlanningClient(context.client.host);
  await client.check();
  const status = await command.run(
    { ...context, client, out: silence(), in: consent() },
    { ...invocation, flags: aloof(invocation.flags) },
  );
  if (status !== 0) return 1;
  const { steps } = client;
  context.out.write(json ? `${JSON.stringify(planJson(steps), undefined, 2)}\n` : printPlan(steps));
  return steps.length > 0 ? CHANGES : NO_CHANGE;
}

/** Nobody takes part in what does not begin. */
function aloof(flags: Values<Flags>): Values<Flags> {
  const changed: Record<string, unknown> = {
    detach: true,
    attach: Array.isArray(flags['attach']) ? [] : false,
    interactive: false,
  };
  const own = Object.entries(changed).filter(([name]) => name in flags);
  return { ...flags, ...Object.fromEntries(own) };
}

/** What a command prints is of what it did. */
function silence(): NodeJS.WriteStream {
  return new Writable({ write: (_chunk, _encoding, done) => done() }) as unknown as NodeJS.WriteStream;
}

/** Questions whether to go on may be answered: nothing is done. */
function consent(): NodeJS.ReadStream {
  return Readable.from(['y\n']) as unknown as NodeJS.ReadStream;
}
