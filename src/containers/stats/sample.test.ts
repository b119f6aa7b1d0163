import { expect, test } from 'vitest';
import { parseLinks, systemTime, takeSample } from './sample.ts';

test("the machine's time is the sum of its states", () => {
  expect(systemTime('cpu  1 2 3 4 5 6 7 80 90 100\ncpu0 1 1\n')).toBe(28 * 10_000_000);
});

test('the links of a container, without loopback', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:1234567       8    1    2    0     0          0         0      900       7    3    4    0     0       0          0
`;
  expect(parseLinks(text)).toEqual({
    eth0: {
      received: { bytes: 1234567, packets: 8, errors: 1, dropped: 2 },
      sent: { bytes: 900, packets: 7, errors: 3, dropped: 4 },
    },
  });
});

test('a process that has ended has no sample', async () => {
  expect(await takeSample(2 ** 22 + 1)).toBeUndefined();
});
