import { describe, expect, test } from 'vitest';
import { familiar, parseReference } from './reference.ts';
import { planRemoval } from './removal.ts';

const ID = `sha256:eea9b1a4f4a5${'0'.repeat(52)}`;
const DIGEST = `sha256:${'1'.repeat(64)}`;
const user = (running: boolean) => ({ id: `7958bb9f2c28${'0'.repeat(52)}`, imageId: ID, running });
const stopped = [user(false)];
const running = [user(true)];

/** What a removal takes, in the order in which it is told; `image` for the image itself. */
function taken(text: string, names: readonly string[], users = [] as typeof stopped, force = false): string[] {
  const { untag, deletes } = planRemoval(text, ID, names.map(parseReference), users, force);
  return [...untag.map(familiar), ...(deletes ? ['image'] : [])];
}

describe('a name', () => {
  test.each([
    ['a:1', ['a:1'], ['a:1', 'image']],
    ['a', ['a:latest'], ['a:latest', 'image']],
    ['docker.io/library/a:1', ['a:1'], ['a:1', 'image']],
    ['a:1', ['a:1', 'b:1'], ['a:1']],
    ['a:1', ['a:1', 'a:2'], ['a:1']],
    ['a:1', ['a:1', `a@${DIGEST}`], ['a:1', `a@${DIGEST}`, 'image']],
    ['a:1', ['a:1', 'a:2', `a@${DIGEST}`], ['a:1']],
    ['a:1', ['a:1', `b@${DIGEST}`], ['a:1']],
    [`a@${DIGEST}`, ['a:1', `a@${DIGEST}`], [`a@${DIGEST}`]],
    [`a@${DIGEST}`, [`a@${DIGEST}`], [`a@${DIGEST}`, 'image']],
  ])('%s of %j takes %j', (text, names, takes) => {
    expect(taken(text, names)).toEqual(takes);
  });

  test('that is the last one stays while a container uses it, unless forced', () => {
    expect(() => taken('d-imp:1', ['d-imp:1'], stopped)).toThrow(
      'conflict: unable to remove repository reference "d-imp:1" (must force) - container 7958bb9f2c28 is using its referenced image eea9b1a4f4a5',
    );
    expect(taken('a:1', ['a:1'], stopped, true)).toEqual(['a:1', 'image']);
    expect(taken('a:1', ['a:1'], running, true)).toEqual(['a:1']);
  });

  test('that is one of several goes though a container runs', () => {
    expect(taken('a:1', ['a:1', 'b:1'], running)).toEqual(['a:1']);
  });
});

describe('an id', () => {
  test.each([
    ['eea9', ['a:1'], ['a:1', 'image']],
    ['sha256:eea9', ['a:1', `a@${DIGEST}`], ['a:1', `a@${DIGEST}`, 'image']],
    [ID, [], ['image']],
  ])('%s of %j takes %j', (text, names, takes) => {
    expect(taken(text, names)).toEqual(takes);
  });

  const deleting = 'conflict: unable to delete eea9b1a4f4a5';
  test.each([
    [
      'a running container',
      ['a:1'],
      running,
      `${deleting} (cannot be forced) - image is being used by running container 7958bb9f2c28`,
    ],
    [
      'a stopped container',
      ['a:1'],
      stopped,
      `${deleting} (must be forced) - image is being used by stopped container 7958bb9f2c28`,
    ],
    [
      'several names',
      ['a:1', 'b:1'],
      [],
      `${deleting} (must be forced) - image is referenced in multiple repositories`,
    ],
    ['tags', ['a:1', 'a:2'], [], `${deleting} (must be forced) - image is referenced in multiple repositories`],
    [
      'digests elsewhere',
      ['a:1', `b@${DIGEST}`],
      [],
      `${deleting} (must be forced) - image is referenced in multiple repositories`,
    ],
  ])('is kept by %s', (_, names, users, message) => {
    expect(() => taken('eea9', names, users)).toThrow(expect.objectContaining({ code: 'conflict', message }));
  });

  test('by force takes all but what runs', () => {
    expect(taken('eea9', ['a:1', 'b:1'], stopped, true)).toEqual(['a:1', 'b:1', 'image']);
    expect(() => taken('eea9', ['a:1'], running, true)).toThrow('cannot be forced');
  });
});
