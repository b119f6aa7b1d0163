import { expect, test } from 'vitest';
import { KeyedMutex, Mutex } from './mutex.ts';

/** A task that ends when it is told to. */
function task(log: string[], name: string) {
  const { promise, resolve, reject } = withResolvers();
  // It may be told before it runs.
  promise.catch(() => undefined);
  const run = async (): Promise<string> => {
    log.push(`${name} begins`);
    await promise;
    log.push(`${name} ends`);
    return name;
  };
  return { run, end: resolve, fail: reject };
}

function withResolvers() {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('tasks run one after the other, in the order in which they came; a failure is its caller’s alone', async () => {
  const log: string[] = [];
  const mutex = new Mutex();
  const [first, second, third] = ['first', 'second', 'third'].map((name) => task(log, name)) as [
    ReturnType<typeof task>,
    ReturnType<typeof task>,
    ReturnType<typeof task>,
  ];
  const results = [first, second, third].map(({ run }) => mutex.run(run));
  second.fail(new Error('no'));
  third.end();
  await settle();
  expect(log).toEqual(['first begins']);
  first.end();
  expect(await Promise.allSettled(results)).toMatchObject([
    { value: 'first' },
    { reason: { message: 'no' } },
    { value: 'third' },
  ]);
  expect(log).toEqual(['first begins', 'first ends', 'second begins', 'third begins', 'third ends']);
});

test('tasks of different keys run beside each other', async () => {
  const log: string[] = [];
  const mutex = new KeyedMutex();
  const [one, other, another] = ['a1', 'a2', 'b'].map((name) => task(log, name)) as [
    ReturnType<typeof task>,
    ReturnType<typeof task>,
    ReturnType<typeof task>,
  ];
  const results = [mutex.run('a', one.run), mutex.run('a', other.run), mutex.run('b', another.run)];
  await settle();
  expect(log).toEqual(['a1 begins', 'b begins']);
  one.end();
  await settle();
  expect(log).toEqual(['a1 begins', 'b begins', 'a1 ends', 'a2 begins']);
  other.end();
  another.end();
  expect(await Promise.all(results)).toEqual(['a1', 'a2', 'b']);
  // A key that nobody holds any more is as good as new.
  const again = task(log, 'again');
  again.end();
  expect(await mutex.run('a', again.run)).toBe('again');
});
