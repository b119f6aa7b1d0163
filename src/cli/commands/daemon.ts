import { DEFAULT_CONFIG_FILE, loadConfig } from '../../daemon/config/config.ts';
import { DAEMON_OPTIONS } from '../../daemon/config/options.ts';
import type { DaemonOption } from '../../daemon/config/options.ts';
import { StartError } from '../../daemon/listen.ts';
import { command, ExitError } from '../command.ts';
import type { Flag, Flags } from '../flags.ts';
import { VERSION } from '../version.ts';

const PLACEHOLDERS = { switch: '', text: 'string', number: 'int', list: 'list' } as const;

/** What was given is handed on as it was written: the daemon checks it as it checks its file. */
function rawFlag({ flag, kind, usage, initial }: DaemonOption): Flag<readonly string[]> {
  const shown = shownDefault(initial);
  return {
    usage,
    placeholder: PLACEHOLDERS[kind],
    initial: [],
    add: (value, before) => [...before, value],
    ...(flag === 'host' && { short: 'H' }),
    ...(shown !== undefined && { shown }),
  };
}

function shownDefault(initial: unknown): string | undefined {
  if (initial === true || typeof initial === 'number') return String(initial);
  if (typeof initial === 'string' && initial !== '') return JSON.stringify(initial);
  return Array.isArray(initial) && initial.length > 0 ? `[${initial.join(',')}]` : undefined;
}

const OPTIONS: readonly DaemonOption[] = Object.values(DAEMON_OPTIONS);

const FLAGS: Flags = {
  ...Object.fromEntries(OPTIONS.map((option) => [option.flag, rawFlag(option)])),
  'config-file': {
    usage: 'Daemon configuration file',
    placeholder: 'string',
    shown: JSON.stringify(DEFAULT_CONFIG_FILE),
    initial: [],
    add: (value) => [value],
  } satisfies Flag<readonly string[]>,
};

export const daemon = command({
  name: 'daemon',
  summary: 'Run the daemon',
  arity: { least: 0, most: 0 },
  flags: FLAGS,
  examples: [
    ['daemon', 'Serve the API on the usual socket'],
    ['daemon --host unix:///tmp/p.sock --data-root /tmp/p', 'With a socket and state of its own, beside another one'],
    [
      'daemon --kernel model --host unix:///tmp/p.sock',
      'Without root, on any system: a Linux in memory, containers simulated',
    ],
  ],
  async run(_, { flags, given }) {
    const { 'config-file': file, ...options } = flags as Readonly<Record<string, readonly string[]>>;
    const chosen = Object.fromEntries(Object.entries(options).filter(([name]) => given.has(name)));
    try {
      const config = await loadConfig(chosen, file?.[0]);
      // It calls libc, which is not there for a model.
      if (config.kernel === 'linux') (await import('../../daemon/frugal.ts')).startFrugally();
      // The engine itself is loaded for nothing less, so not for help.
      const { runDaemon } = await import('../../daemon/main.ts');
      return await runDaemon(config, { version: VERSION });
    } catch (error) {
      if (error instanceof StartError) throw new ExitError(error.message);
      throw error;
    }
  },
});
