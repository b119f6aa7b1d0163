import { expect, test } from 'vitest';
import { environment } from './container.ts';

test.each<[readonly string[], readonly string[], readonly string[]]>([
  [
    ['A=1', 'B=2'],
    ['B=3', 'C=4'],
    ['A=1', 'B=3', 'C=4'],
  ],
  [['A=1'], ['A'], []],
  [['A=1'], ['A='], ['A=']],
  [[], ['X=a=b'], ['X=a=b']],
])('%j with %j over it is %j', (base, over, expected) => {
  expect(environment(base, over)).toEqual(expected);
});
