import { command, ExitError } from '../command.ts';
import type { Command } from '../command.ts';
export const daemon: Command = command({
  name: 'daemon',
  summary: 'Run the daemon',
  arity: { least: 0 },
  flags: {},
  examples: [],
  run: () => Promise.reject(new ExitError('not yet')),
});
