import { describe, expect, test } from 'vitest';
import type { HealthConfig } from './config.ts';
import { checkHealthConfig, judge, mergeHealth, NO_RESULTS, type HealthResult, type HealthStatus } from './health.ts';

const STARTED = '2019-11-23T17:18:36Z';
const CHECK = { args: ['true'], interval: 1000, timeout: 1000, startPeriod: 10_000, retries: 2 };

/** The results of checks that began so many seconds after the start. */
function after(status: HealthStatus, ...results: readonly (readonly [second: number, exitCode: number])[]) {
  let [now, history] = [status, NO_RESULTS];
  for (const [second, exitCode] of results) {
    const start = new Date(Date.parse(STARTED) + second * 1000).toISOString();
    const result: HealthResult = { start, end: start, exitCode, output: '' };
    ({ status: now, history } = judge(now, history, result, CHECK, STARTED));
  }
  return [now, history.failingStreak, history.log.length];
}

describe('with two retries and a start period of 10 s', () => {
  test.each<[string, ReturnType<typeof after>, HealthStatus, number, number]>([
    ['one success is enough', after('starting', [1, 0]), 'healthy', 0, 1],
    ['failures in the start period do not count', after('starting', [1, 1], [5, 1], [9, -1]), 'starting', 0, 3],
    ['later ones do', after('starting', [9, 1], [10, 1]), 'starting', 1, 2],
    ['as many as retries make it unhealthy', after('starting', [10, 1], [11, 1]), 'unhealthy', 2, 2],
    ['who was healthy once is excused no more', after('starting', [1, 0], [2, 1], [3, 1]), 'unhealthy', 2, 3],
    ['a success between them forgives', after('healthy', [20, 1], [21, 0], [22, 1]), 'healthy', 1, 3],
    ['and heals', after('unhealthy', [20, 1], [21, 0]), 'healthy', 0, 2],
    ['the last five are kept', after('healthy', [1, 0], [2, 0], [3, 0], [4, 0], [5, 0], [6, 0]), 'healthy', 0, 5],
  ])('%s', (_, found, ...expected) => {
    expect(found).toEqual(expected);
  });
});

test.each<[string, HealthConfig | undefined, HealthConfig | undefined, HealthConfig | undefined]>([
  ['nothing anywhere', undefined, undefined, undefined],
  ['the image alone', undefined, { Test: ['CMD', 'a'] }, { Test: ['CMD', 'a'] }],
  ['the request alone', { Test: ['CMD', 'a'] }, undefined, { Test: ['CMD', 'a'] }],
  ['a field of the request', { Interval: 5e9 }, { Test: ['CMD', 'a'] }, { Test: ['CMD', 'a'], Interval: 5e9 }],
  [
    'what is empty or 0 is not said',
    { Test: [], Retries: 0 },
    { Test: ['CMD', 'a'], Retries: 7 },
    { Test: ['CMD', 'a'], Retries: 7 },
  ],
  ['none at all', { Test: ['NONE'] }, { Test: ['CMD', 'a'] }, { Test: ['NONE'] }],
])('a container’s own check over its image’s: %s', (_, own, image, merged) => {
  expect(mergeHealth(own, image)).toEqual(merged);
});

test.each<[HealthConfig, string]>([
  [{ Interval: 5 }, 'Interval in Healthcheck cannot be less than 1ms'],
  [{ Timeout: -1 }, 'Timeout in Healthcheck cannot be less than 1ms'],
  [{ StartPeriod: 999_999 }, 'StartPeriod in Healthcheck cannot be less than 1ms'],
  [{ Retries: -1 }, 'Retries in Healthcheck cannot be negative'],
])('%j is refused', (health, message) => {
  expect(() => checkHealthConfig(health)).toThrow(message);
});
