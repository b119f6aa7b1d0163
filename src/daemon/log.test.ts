import pino from 'pino';
import { expect, test } from 'vitest';
import { textLine } from './log.ts';

function logged(write: (log: pino.Logger) => void): string {
  let text = '';
  const options = { base: null, timestamp: () => ',"time":"T"' };
  write(pino(options, { write: (line) => (text += textLine(line)) }));
  return text;
}

test.each<[(log: pino.Logger) => void, string]>([
  [(log) => log.info('ready'), 'T INFO ready\n'],
  [(log) => log.warn({ url: '/a b', status: 404 }, 'no'), 'T WARN no url="/a b" status=404\n'],
  [(log) => log.info({ err: new Error('refused') }, 'refused'), 'T INFO refused\n'],
])('a line for people %#', (write, line) => {
  expect(logged(write)).toBe(line);
});

test('a failure has its trace', () => {
  expect(logged((log) => log.error({ err: new Error('boom') }, 'failed'))).toMatch(
    /^T ERROR failed\nError: boom\n +at /,
  );
});
