import pino, { type Logger } from 'pino';
import type { DaemonConfig } from './config/options.ts';

/** Writes to standard error, as JSON or as lines for people. */
export function makeLog({ logLevel, logFormat }: Pick<DaemonConfig, 'logLevel' | 'logFormat'>): Logger {
  const options = { level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (logFormat === 'json') return pino(options, pino.destination({ dest: 2, sync: true }));
  return pino(options, { write: (line) => void process.stderr.write(textLine(line)) });
}

interface Entry {
  readonly time: string;
  readonly level: number;
  readonly msg?: string;
  readonly err?: { readonly stack?: string; readonly message?: string };
  readonly [field: string]: unknown;
}

/** `2024-01-01T00:00:00.000Z WARN message key=value`. */
export function textLine(line: string): string {
  const { time, level, msg = '', err, ...fields } = JSON.parse(line) as Entry;
  const name = (pino.levels.labels[level] ?? String(level)).toUpperCase();
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${print(value)}`);
  // A trace is worth its lines where something failed, not where a client was refused.
  const trace = err && level >= pino.levels.values['error']! ? `\n${err.stack ?? err.message}` : '';
  return `${time} ${name} ${msg}${rest.join('')}${trace}\n`;
}

const print = (value: unknown): string =>
  typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
