/** Health checks: what is run how often, and what its results make of a container's health. As Docker has them. */
import { EngineError } from '../network/error.ts';
import type { ContainerConfig, HealthConfig } from './config.ts';
import type { ContainerRecord } from './container.ts';

export type HealthStatus = 'starting' | 'healthy' | 'unhealthy';

/** One run of the command. */
export interface HealthResult {
  /** RFC 3339 */
  readonly start: string;
  readonly end: string;
  /** -1: it could not be run, or took too long. */
  readonly exitCode: number;
  readonly output: string;
}

/** The results of a container's checks. */
export interface HealthHistory {
  /** How many failures there were since the last success. */
  readonly failingStreak: number;
  /** The last results, oldest first. */
  readonly log: readonly HealthResult[];
}

/** What is run, and how; times in milliseconds. */
export interface HealthCheck {
  readonly args: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly retries: number;
}

const MILLION = 1_000_000;
const REMEMBERED = 5;
const SHELL = ['/bin/sh', '-c'];

export const NO_RESULTS: HealthHistory = { failingStreak: 0, log: [] };

/** Undefined: the container has no health. */
export function healthCheck({ Healthcheck, Shell }: ContainerConfig): HealthCheck | undefined {
  const args = Healthcheck && command(Healthcheck, Shell);
  if (!args) return undefined;
  const { Interval, Timeout, StartPeriod, Retries } = Healthcheck;
  return {
    args,
    interval: (Interval || 30_000 * MILLION) / MILLION,
    timeout: (Timeout || 30_000 * MILLION) / MILLION,
    startPeriod: (StartPeriod ?? 0) / MILLION,
    retries: Retries || 3,
  };
}

function command({ Test }: HealthConfig, shell: ContainerConfig['Shell']): readonly string[] | undefined {
  const [kind, ...words] = Test ?? [];
  if (kind === 'CMD') return words;
  return kind === 'CMD-SHELL' ? [...(shell?.length ? shell : SHELL), ...words] : undefined;
}

/** @throws EngineError invalid, in Docker's words */
export function checkHealthConfig(health: HealthConfig | undefined): void {
  for (const option of ['Interval', 'Timeout', 'StartPeriod'] as const) {
    const value = health?.[option] ?? 0;
    if (value !== 0 && value < MILLION)
      throw new EngineError('invalid', `${option} in Healthcheck cannot be less than 1ms`);
  }
  if ((health?.Retries ?? 0) < 0) throw new EngineError('invalid', 'Retries in Healthcheck cannot be negative');
}

/** What a container asks for, completed by its image. */
export function mergeHealth(own: HealthConfig | undefined, image: HealthConfig | undefined): HealthConfig | undefined {
  if (!own || !image) return own ?? image;
  const said = Object.entries(own).filter(([, value]) => (Array.isArray(value) ? value.length > 0 : value !== 0));
  return { ...image, ...Object.fromEntries(said) };
}

/** `after` with the health that comes of the change: nobody checks a container that does not run. */
export function withHealth(before: ContainerRecord, after: ContainerRecord): ContainerRecord {
  const [was, is] = [before.state.status, after.state.status];
  if (was === is || !healthCheck(after.config)) return after;
  const set = (health: HealthStatus): ContainerRecord => ({ ...after, state: { ...after.state, health } });
  if (was === 'running') return set('unhealthy');
  return is === 'running' && was !== 'paused' ? set('starting') : after;
}

/** What a result makes of the health. `started`: when the container did (RFC 3339). */
export function judge(
  status: HealthStatus,
  { failingStreak, log }: HealthHistory,
  result: HealthResult,
  { retries, startPeriod }: HealthCheck,
  started: string,
): { readonly status: HealthStatus; readonly history: HealthHistory } {
  const history = (streak: number): HealthHistory => ({
    failingStreak: streak,
    log: [...log, result].slice(-REMEMBERED),
  });
  if (result.exitCode === 0) return { status: 'healthy', history: history(0) };
  const isExcused = status === 'starting' && Date.parse(result.start) - Date.parse(started) < startPeriod;
  const streak = isExcused ? failingStreak : failingStreak + 1;
  return { status: !isExcused && streak >= retries ? 'unhealthy' : status, history: history(streak) };
}
