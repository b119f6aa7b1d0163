import { describe, expect, test } from 'vitest';
import { familiar, parseReference } from './reference.ts';
import { checkUntag, deletionConflict, isIdPrefix, isSingle, untagged } from './removal.ts';

const id = `sha256:eea9b1a4f4a5${'0'.repeat(52)}`;
const digest = `sha256:${'1'.repeat(64)}`;
const names = (...texts: string[]) => texts.map(parseReference);
const user = (running: boolean) => ({ id: `7958bb9f2c28${'0'.repeat(52)}`, imageId: id, running });

test.each([
  [[], true],
  [['a:1'], true],
  [['a:1', `a@${digest}`], true],
  [['a:1', 'a:2'], false],
  [['a:1', `b@${digest}`], false],
  [[`a@${digest}`, `b@${digest}`], false],
])('%j counts as one name: %s', (texts, single) => {
  expect(isSingle(names(...texts))).toBe(single);
});

test.each([
  ['a:1', ['a:1', 'b:1'], ['a:1']],
  ['a:1', ['a:1', `a@${digest}`], ['a:1', `a@${digest}`]],
  ['a:1', ['a:1', 'a:2', `a@${digest}`], ['a:1']],
  ['a:1', ['a:1', `b@${digest}`], ['a:1']],
  [`a@${digest}`, ['a:1', `a@${digest}`], [`a@${digest}`]],
])('taking away %s of %j takes %j', (text, all, gone) => {
  expect(untagged(parseReference(text), names(...all)).map(familiar)).toEqual(gone);
});

test('an id is known by its start', () => {
  expect(isIdPrefix(id, 'eea9')).toBe(true);
  expect(isIdPrefix(id, 'sha256:eea9')).toBe(true);
  expect(isIdPrefix(id, 'busybox')).toBe(false);
});

describe('conflicts are told as dockerd 20.10 tells them', () => {
  test('the last name of an image that a container uses', () => {
    expect(() => checkUntag('d-imp:1', id, names('d-imp:1'), [user(false)])).toThrow(
      'conflict: unable to remove repository reference "d-imp:1" (must force) - container 7958bb9f2c28 is using its referenced image eea9b1a4f4a5',
    );
    expect(() => checkUntag('a:1', id, names('a:1', 'b:1'), [user(false)])).not.toThrow();
  });

  const deleting = 'conflict: unable to delete eea9b1a4f4a5';
  test.each([
    [
      'a running container',
      [],
      [user(true)],
      false,
      `${deleting} (cannot be forced) - image is being used by running container 7958bb9f2c28`,
    ],
    [
      'a running container, forced',
      [],
      [user(true)],
      true,
      `${deleting} (cannot be forced) - image is being used by running container 7958bb9f2c28`,
    ],
    [
      'a stopped container',
      [],
      [user(false)],
      false,
      `${deleting} (must be forced) - image is being used by stopped container 7958bb9f2c28`,
    ],
    ['a stopped container, forced', [], [user(false)], true, undefined],
    ['names', ['a:1', 'b:1'], [], false, `${deleting} (must be forced) - image is referenced in multiple repositories`],
    ['names, forced', ['a:1', 'b:1'], [], true, undefined],
    ['nothing', [], [], false, undefined],
  ])('%s', (_, texts, users, force, message) => {
    expect(deletionConflict(id, names(...texts), users, force)?.error.message).toBe(message);
  });
});
