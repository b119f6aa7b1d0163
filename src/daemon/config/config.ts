/** The daemon's configuration: its command line and its file, checked before anything starts. */
import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { StartError } from '../listen.ts';
import { DAEMON_OPTIONS, type DaemonConfig, type DaemonOption } from './options.ts';

export const DEFAULT_CONFIG_FILE = '/etc/passerelle/daemon.json';

/** Flag -> what was given, as it was written; only flags that were given. */
export type GivenFlags = Readonly<Record<string, readonly string[]>>;

const OPTIONS = Object.entries(DAEMON_OPTIONS) as readonly (readonly [string, DaemonOption])[];

/**
 * @param file the file that was asked for; undefined: the usual one, which need not be there
 * @throws StartError that names the flag, or the file and the key, and what was expected
 */
export async function loadConfig(flags: GivenFlags, file?: string): Promise<DaemonConfig> {
  const path = file ?? DEFAULT_CONFIG_FILE;
  const fromFile = await readConfigFile(path, file !== undefined);
  refuseConflicts(path, flags, fromFile);
  const entries = OPTIONS.map(([name, option]) => {
    const given = flags[option.flag];
    if (given) return [name, check(option, flagValue(option, given), `--${option.flag}`)];
    if (Object.hasOwn(fromFile, option.key)) {
      return [name, check(option, fromFile[option.key], `${failure(path)}: ${option.key}`)];
    }
    return [name, option.initial];
  });
  const config = Object.fromEntries(entries) as DaemonConfig;
  refuseCombinations(config);
  return config;
}

const failure = (path: string): string => `unable to configure the Docker daemon with file ${path}`;

async function readConfigFile(path: string, isNeeded: boolean): Promise<Readonly<Record<string, unknown>>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !isNeeded) return {};
    throw new StartError(`${failure(path)}: ${(error as Error).message}`, { cause: error });
  }
  if (text.trim() === '') return {};
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new StartError(`${failure(path)}: invalid JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new StartError(`${failure(path)}: expected a JSON object`);
  }
  const known = new Set(OPTIONS.map(([, { key }]) => key));
  const unknown = Object.keys(content).filter((key) => !known.has(key));
  if (unknown.length > 0) {
    throw new StartError(
      `${failure(path)}: the following directives don't match any configuration option: ${unknown.join(', ')}`,
    );
  }
  return content as Readonly<Record<string, unknown>>;
}

/** Which of the two was meant? */
function refuseConflicts(path: string, flags: GivenFlags, file: Readonly<Record<string, unknown>>): void {
  const conflicts = OPTIONS.filter(([, { flag, key }]) => flags[flag] !== undefined && Object.hasOwn(file, key)).map(
    ([, { flag, key }]) => `${key}: (from flag: ${flags[flag]!.join(', ')}, from file: ${print(file[key])})`,
  );
  if (conflicts.length === 0) return;
  throw new StartError(
    `${failure(path)}: the following directives are specified both as a flag and in the configuration file: ${conflicts.join(', ')}`,
  );
}

/** Options that are right by themselves, and wrong together. */
function refuseCombinations({ bridge, bip, bip6, icc, iptables }: DaemonConfig): void {
  if (bridge && (bip || bip6)) {
    throw new StartError(
      'You specified -b & --bip, mutually exclusive options. Please specify only one: a bridge of your own has its address already',
    );
  }
  if (!icc && !iptables) {
    throw new StartError(
      'You specified --iptables=false with --icc=false. ICC=false uses iptables to function. Please set --icc or --iptables to true',
    );
  }
}

/** In the shape of the file. */
function flagValue({ kind, fromFlags }: DaemonOption, given: readonly string[]): unknown {
  if (fromFlags) return fromFlags(given);
  const last = given.at(-1) ?? '';
  switch (kind) {
    case 'list':
      return given;
    case 'switch':
      return last === 'true' || (last === 'false' ? false : last);
    case 'number':
      return /^-?\d+$/.test(last) ? Number(last) : last;
    case 'text':
      return last;
  }
}

function check({ schema }: DaemonOption, value: unknown, where: string): unknown {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  throw new StartError(`${where}: expected ${result.issues[0].message}, not ${print(value)}`);
}

const print = (value: unknown): string => (typeof value === 'string' && value !== '' ? value : JSON.stringify(value));
