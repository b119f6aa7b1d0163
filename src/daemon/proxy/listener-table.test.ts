import { expect, test } from 'vitest';
import { ListenerTable } from './listener-table.ts';

const target = (last: number): Uint8Array => Uint8Array.from({ length: 16 }, (_, index) => (index < 15 ? index : last));

/** What the other thread has: the same memory. */
function both(): readonly [here: ListenerTable, there: ListenerTable] {
  const here = new ListenerTable();
  return [here, new ListenerTable(here.shared)];
}

test('the other thread finds the socket and its target', () => {
  const [here, there] = both();
  const first = here.put(10, target(1));
  const second = here.put(11, target(2));
  expect(there.use(first.slot, (fd) => fd)).toEqual({ result: 10, listener: first, target: target(1) });
  expect(there.use(second.slot, (fd) => fd)).toEqual({ result: 11, listener: second, target: target(2) });
});

test('a socket is closed while nobody uses it, and then is not found', () => {
  const [here, there] = both();
  const id = here.put(10, target(1));
  const closed: number[] = [];
  here.remove(id, (fd) => closed.push(fd));
  expect(closed).toEqual([10]);
  expect(there.use(id.slot, () => expect.unreachable())).toBeUndefined();
  expect(there.isOpen(id)).toBe(false);
});

test('a place that is used again is another socket: connections of the first one know it', () => {
  const [here, there] = both();
  const first = here.put(10, target(1));
  here.remove(first, () => {});
  const second = here.put(10, target(2));
  expect(second.slot).toBe(first.slot);
  expect(there.isOpen(first)).toBe(false);
  expect(there.isOpen(second)).toBe(true);
  expect(there.use(second.slot, (fd) => fd)?.target).toEqual(target(2));
});

test('an error of the user frees the lock', () => {
  const [here, there] = both();
  const id = here.put(10, target(1));
  const use = () => {
    throw new Error('failed');
  };
  expect(() => there.use(id.slot, use)).toThrow('failed');
  expect(here.use(id.slot, (fd) => fd)?.result).toBe(10);
});

test('the end is told', () => {
  const [here, there] = both();
  expect(there.isStopped).toBe(false);
  here.stop();
  expect(there.isStopped).toBe(true);
});
