import { expect, test } from 'vitest';
import { restartDelay, wantsRestart, wantsStart } from './restart.ts';

const policy = (text: string) => {
  const [Name = '', retries = '0'] = text.split(':');
  return { Name, MaximumRetryCount: Number(retries) };
};

// A container whose process ended.
test.each<{ policy: string; exitCode: number; restartCount?: number; stoppedByUser?: boolean; again: boolean }>([
  { policy: '', exitCode: 1, again: false },
  { policy: 'no', exitCode: 1, again: false },
  { policy: 'always', exitCode: 0, again: true },
  { policy: 'always', exitCode: 0, stoppedByUser: true, again: false },
  { policy: 'unless-stopped', exitCode: 0, again: true },
  { policy: 'unless-stopped', exitCode: 0, stoppedByUser: true, again: false },
  { policy: 'on-failure', exitCode: 0, again: false },
  { policy: 'on-failure', exitCode: 1, restartCount: 1000, again: true },
  { policy: 'on-failure:2', exitCode: 1, restartCount: 1, again: true },
  { policy: 'on-failure:2', exitCode: 1, restartCount: 2, again: false },
])('restart: $policy, exit $exitCode, stopped $stoppedByUser: $again', ({ policy: text, again, ...exit }) => {
  expect(wantsRestart(policy(text), { restartCount: 0, stoppedByUser: false, ...exit })).toBe(again);
});

// An engine that starts.
test.each<{ policy: string; running: boolean; stoppedByUser: boolean; exitCode: number; starts: boolean }>([
  { policy: 'no', running: true, stoppedByUser: false, exitCode: 1, starts: false },
  { policy: 'always', running: false, stoppedByUser: true, exitCode: 0, starts: true },
  { policy: 'unless-stopped', running: false, stoppedByUser: true, exitCode: 0, starts: false },
  { policy: 'unless-stopped', running: true, stoppedByUser: false, exitCode: 0, starts: true },
  { policy: 'on-failure', running: true, stoppedByUser: false, exitCode: 1, starts: true },
  { policy: 'on-failure', running: true, stoppedByUser: false, exitCode: 0, starts: false },
  { policy: 'on-failure', running: false, stoppedByUser: false, exitCode: 1, starts: false },
])('start: $policy, running $running, stopped $stoppedByUser: $starts', ({ policy: text, starts, ...was }) => {
  expect(wantsStart(policy(text), was)).toBe(starts);
});

test('the delay doubles up to a minute, and begins anew after ten steady seconds', () => {
  const delays = [0];
  for (let n = 0; n < 12; n++) delays.push(restartDelay(delays.at(-1)!, 5));
  expect(delays.slice(1)).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
  expect(restartDelay(60_000, 9999)).toBe(60_000);
  expect(restartDelay(60_000, 10_000)).toBe(100);
});
