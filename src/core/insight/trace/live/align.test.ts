import { expect, test } from 'vitest';
import { align } from './align.ts';

test.each([
  ['', '', ''],
  ['abc', 'abc', '=a =b =c'],
  ['abc', '', '-a -b -c'],
  ['', 'abc', '+a +b +c'],
  ['abcd', 'abxd', '=a =b -c +x =d'],
  ['abab', 'bab', '-a =b =a =b'],
  ['ab', 'ba', '-a =b +a'],
])('%j beside %j: %s', (left, right, told) => {
  const same = (letter: string) => letter;
  const pairs = align(Array.from(left), Array.from(right), same, same);
  const text = pairs.map((pair) =>
    pair.left === undefined ? `+${pair.right}` : pair.right === undefined ? `-${pair.left}` : `=${pair.left}`,
  );
  expect(text.join(' ')).toBe(told);
});
