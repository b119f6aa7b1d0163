import { expect, test } from 'vitest';
import { parseSignal } from './signal.ts';

test.each([
  ['9', 9],
  ['64', 64],
  ['KILL', 9],
  ['SIGKILL', 9],
  ['sigterm', 15],
  ['Usr1', 10],
  ['SIGCLD', 17],
  ['RTMIN', 34],
  ['SIGRTMIN+3', 37],
  ['RTMAX', 64],
  ['RTMAX-14', 50],
])('%s is %i', (text, number) => {
  expect(parseSignal(text)).toBe(number);
});

test.each(['', '0', '65', '-9', '9 ', 'NOPE', 'SIG', 'TERM+1', 'RTMIN+31', 'RTMAX+1', 'RTMIN-1', 'constructor'])(
  '%j is no signal',
  (text) => {
    expect(() => parseSignal(text)).toThrow(
      expect.objectContaining({ code: 'invalid', message: `Invalid signal: ${text}` }),
    );
  },
);
