import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDotenv } from './dotenv.ts';

const environment = (name: string): string | undefined => (name === 'HOME' ? '/root' : undefined);

describe('env files', () => {
  test.each([
    ['A=b', 'b'],
    ['A = b', 'b'],
    ['export A=b', 'b'],
    ['A=', ''],
    ['A', null],
    ['A=b # a comment', 'b'],
    ['A=b#c', 'b#c'],
    ['A=a=b', 'a=b'],
    ["A='single $X \\n # text'", 'single $X \\n # text'],
    ['A="two\\nlines"', 'two\nlines'],
    ['A="over\ntwo"', 'over\ntwo'],
    ['A="quoted \\" quote" # comment', 'quoted " quote'],
    // Braces make a variable; a dollar sign alone does not, so that passwords survive.
    ['A=${HOME}/x', '/root/x'],
    ['A=$HOME', '$HOME'],
    ['A=${NONE:-word}', 'word'],
    ["A='${HOME}'", '${HOME}'],
    ['A=pa$$word', 'pa$$word'],
    ['\uFEFFA=b', 'b'],
    ['A=b\r\nB=c', 'b'],
  ])('%j sets A to %j', (text, value) => {
    expect(readDotenv(text, environment).get('A')).toBe(value);
  });

  test('comments and empty lines are skipped, later lines win, earlier ones can be used', () => {
    const text = '# head\n\nA=1\nB=${A}2\n  # inner\nA=3\n=nothing\nC=last';
    expect([...readDotenv(text, environment)]).toEqual([
      ['A', '3'],
      ['B', '12'],
      ['C', 'last'],
    ]);
  });

  test('any text can be read', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('A', '=', '"', "'", '\n', '#', ' ', '\\', '${', '}', 'export ')),
        (pieces) => {
          readDotenv(pieces.join(''), environment);
        },
      ),
    );
  });
});
