/** From the command line to an exit status. */
import type { Command, Context, Group } from './command.ts';
import { ExitError, wordOf } from './command.ts';
import { EngineClient, EngineFailure, Unreachable } from './client/client.ts';
import { DEFAULT_HOST, parseHost } from './client/host.ts';
import { FlagError, list, parseFlags, toggle } from './flags.ts';
import type { Flags } from './flags.ts';
import { commandHelp, groupHelp, summaries, usageLine } from './help.ts';
import { flagsWithDryRun, runPlan } from './plan/plan.ts';
import { COMMANDS, GROUPS } from './registry.ts';
import { VERSION } from './version.ts';

export type Surroundings = Omit<Context, 'client'>;

const GLOBAL_FLAGS = {
  host: list('Daemon socket to connect to', { short: 'H' }),
  version: toggle('Print version information and quit', { short: 'v' }),
};

/** Never throws but for bugs. */
export async function main(argv: readonly string[], around: Surroundings): Promise<number> {
  try {
    return await dispatch(argv, around);
  } catch (error) {
    const [message, status] = failure(error);
    if (message === undefined) throw error;
    around.err.write(`${message}\n`);
    return status;
  }
}

function failure(error: unknown): readonly [string | undefined, number] {
  if (error instanceof ExitError) return [error.message, error.status];
  if (error instanceof EngineFailure) return [`Error response from daemon: ${error.message}`, 1];
  if (error instanceof Unreachable) return [error.message, 1];
  // Wrong compose files and projects, known by name so that their code is loaded only with compose.
  if (error instanceof Error && (error.name === 'ComposeError' || error.name === 'ProjectError'))
    return [`ERROR: ${error.message}`, 1];
  return [undefined, 1];
}

async function dispatch(argv: readonly string[], around: Surroundings): Promise<number> {
  const global = orUsage(() => parseFlags(GLOBAL_FLAGS, argv, false), 'passerelle', around);
  if (typeof global === 'number') return global;
  if (global.flags.version) {
    around.out.write(`Passerelle version ${VERSION}\n`);
    return 0;
  }
  let { args } = global;
  if (args[0] === 'help') args = [...args.slice(1), '--help'];
  const [word] = args;
  if (word === undefined || global.help || word === '--help') {
    around.out.write(overview());
    return 0;
  }
  // To the daemon, the global option says where to listen.
  if (word === 'daemon') args = [word, ...global.flags.host.map((host) => `--host=${host}`), ...args.slice(1)];
  return await perform({ ...around, client: clientOf(word === 'daemon' ? [] : global.flags.host, around) }, args);
}

/** Runs the command that the words name. */
export async function perform(context: Context, [word = '', ...rest]: readonly string[]): Promise<number> {
  const entry = [GROUPS, COMMANDS]
    .map((entries) => (Object.hasOwn(entries, word) ? entries[word] : undefined))
    .find(Boolean);
  if (!entry) return unknownCommand(context, word);
  const found = await entry.load();
  return 'commands' in found ? await runGroup(context, found, rest) : await runCommand(context, found, rest);
}

function clientOf(hosts: readonly string[], { environment }: Surroundings): EngineClient {
  if (hosts.length > 1) throw new ExitError('Specify only one -H', 1);
  const address = hosts[0] ?? (environment['PASSERELLE_HOST'] || environment['DOCKER_HOST'] || DEFAULT_HOST);
  try {
    return new EngineClient(parseHost(address));
  } catch (error) {
    if (error instanceof RangeError) throw new ExitError(error.message);
    throw error;
  }
}

async function runGroup(context: Context, group: Group, argv: readonly string[]): Promise<number> {
  const shared = await sharedFlags(group);
  const own = orUsage(() => parseFlags(shared, argv, false), `passerelle ${group.name}`, context);
  if (typeof own === 'number') return own;
  const [word, ...rest] = own.args;
  if (word === undefined || own.help || word === 'help') {
    context.out.write(groupHelp(group));
    return 0;
  }
  const found = group.commands.find(
    (command) => wordOf(command) === word || command.aliases?.includes(`${group.name} ${word}`),
  );
  if (!found) return unknownCommand(context, `${group.name} ${word}`, group.name);
  const before = argv.slice(0, argv.length - own.args.length);
  return await runCommand(context, named(found, group), [...before, ...rest]);
}

/** A command that is called through its group bears that name in help and errors. */
function named(command: Command, group: Group): Command {
  return command.name.startsWith(`${group.name} `)
    ? command
    : { ...command, name: `${group.name} ${command.name}`, aliases: [command.name] };
}

/** Only compose has options between its own name and the command's. */
async function sharedFlags(group: Group): Promise<Flags> {
  return group.name === 'compose' ? (await import('./commands/compose/project.ts')).PROJECT_FLAGS : {};
}

async function runCommand(context: Context, command: Command, argv: readonly string[]): Promise<number> {
  const flags = flagsWithDryRun(command);
  const parsed = orUsage(
    () => parseFlags(flags, argv, command.interspersed ?? true),
    `passerelle ${command.name}`,
    context,
    command,
  );
  if (typeof parsed === 'number') return parsed;
  if (parsed.help) {
    context.out.write(commandHelp({ ...command, flags }, context.out.columns || 80));
    return 0;
  }
  const complaint = arityComplaint(command, parsed.args.length);
  if (complaint) {
    // Docker has either word.
    const hint = `${command.arity.most === undefined ? 'See' : 'Run'} 'passerelle ${command.name} --help' for more information`;
    context.err.write(`passerelle: 'passerelle ${command.name}' ${complaint}\n\n${usageLine(command)}\n\n${hint}\n`);
    return 1;
  }
  const { plan } = context;
  if (plan || parsed.flags['dry-run']) return await runPlan(context, command, parsed, plan ?? { json: false });
  return await command.run(context, parsed);
}

function arityComplaint({ arity: { least, most } }: Command, count: number): string | undefined {
  const words = (number: number): string => `${number} argument${number === 1 ? '' : 's'}`;
  if (count < least) return `requires ${most === least ? words(least) : `at least ${words(least)}`}`;
  if (most === undefined || count <= most) return undefined;
  if (most === 0) return 'accepts no arguments';
  return `requires ${most === least ? words(most) : `at most ${words(most)}`}`;
}

/** What `parse` gives, or the status after the mistake was told. */
function orUsage<T>(parse: () => T, name: string, { err }: Surroundings, command?: Command): T | number {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    err.write(
      `${error.message}\n\n${command ? usageLine(command) : `Usage:  ${name} [OPTIONS] COMMAND`}\n\nRun '${name} --help' for more information\n`,
    );
    return 125;
  }
}

function unknownCommand({ err }: Surroundings, words: string, group?: string): number {
  const usage = group ? `Usage:  passerelle ${group}\n\n` : '';
  err.write(
    `passerelle: unknown command: passerelle ${words}\n\n${usage}Run 'passerelle ${group ? `${group} ` : ''}--help' for more information\n`,
  );
  return 1;
}

function overview(): string {
  const rows = (entries: typeof COMMANDS): [string, string][] =>
    Object.entries(entries).map(([name, { summary }]) => [name, summary]);
  return `Usage:  passerelle [OPTIONS] COMMAND

A container network engine that you can see through

Management Commands:
${summaries(rows(GROUPS))}

Commands:
${summaries(rows(COMMANDS))}

Global Options:
  -H, --host list   Daemon socket to connect to (default PASSERELLE_HOST, then
                    DOCKER_HOST, then "${DEFAULT_HOST}")
  -v, --version     Print version information and quit

Examples:
  # The daemon, in the background
  passerelle daemon &

  # A network and a container on it
  passerelle network create net-test
  passerelle run -d --network net-test -p 8080:80 nginx

  # A project from its compose file
  passerelle compose up -d

Run 'passerelle COMMAND --help' for more information on a command.
`;
}
