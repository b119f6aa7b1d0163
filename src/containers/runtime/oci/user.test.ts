import { expect, test } from 'vitest';
import { resolveUser } from './user.ts';

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\n# a comment\nann:x:1000:1001::/home/ann:\n7:x:70:71::/:\nbroken\n';
const GROUP = 'root:x:0:root\nstaff:x:50:ann,bob\nann:x:1001:\nextra:x:60:\n';

test.each<[string, string, readonly string[], number, number, readonly number[]]>([
  ['nobody said: root', '', [], 0, 0, [0]],
  ['a name has its group and memberships', 'ann', [], 1000, 1001, [1001, 50]],
  ['a number with an entry too', '1000', [], 1000, 1001, [1001, 50]],
  ['a number without one is itself, in group 0', '4321', [], 4321, 0, [0]],
  ['a name of digits is a name first', '7', [], 70, 71, [71]],
  ['a group of its own ends memberships', 'ann:extra', [], 1000, 60, [60]],
  ['numbers for both', '1:2', [], 1, 2, [2]],
  ['added groups count always', 'ann:extra', ['staff', '99'], 1000, 60, [60, 50, 99]],
])('%s', (_, spec, add, uid, gid, additionalGids) => {
  expect(resolveUser(spec, add, PASSWD, GROUP)).toEqual({ uid, gid, additionalGids });
});

test('without files, numbers work', () => {
  expect(resolveUser('5:6', [], '', '')).toEqual({ uid: 5, gid: 6, additionalGids: [6] });
  expect(resolveUser('', [], '', '')).toEqual({ uid: 0, gid: 0, additionalGids: [0] });
});

test.each([
  ['bob', [], 'unable to find user bob: no matching entries in passwd file'],
  ['ann:nope', [], 'unable to find group nope: no matching entries in group file'],
  ['ann', ['nope'], 'unable to find group nope: no matching entries in group file'],
  ['4294967295', [], 'uids and gids must be in range 0-2147483647'],
])('%s %j: %s', (spec, add, message) => {
  expect(() => resolveUser(spec, add, PASSWD, GROUP)).toThrow(message);
});
