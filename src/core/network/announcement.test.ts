import { expect, test } from 'vitest';
import { parseAnnouncement } from './announcement.ts';

const COUNT = 'com.docker.network.advertise_addr_nmsgs';
const INTERVAL = 'com.docker.network.advertise_addr_ms';

test('three times, a second apart, unless the options say otherwise', () => {
  expect(parseAnnouncement({})).toEqual({ count: 3, interval: 1000 });
  expect(parseAnnouncement({ [COUNT]: '0', [INTERVAL]: '100' })).toEqual({ count: 0, interval: 100 });
  expect(parseAnnouncement({ [COUNT]: '3', [INTERVAL]: '2000' })).toEqual({ count: 3, interval: 2000 });
});

test.each([
  [COUNT, '-1', `${COUNT} must be in the range 0 to 3`],
  [COUNT, '4', `${COUNT} must be in the range 0 to 3`],
  [COUNT, 'some', `value for option ${COUNT} "some" must be an integer`],
  [INTERVAL, '99', `${INTERVAL} must be in the range 100 to 2000`],
  [INTERVAL, '2001', `${INTERVAL} must be in the range 100 to 2000`],
  [INTERVAL, '1s', `value for option ${INTERVAL} "1s" must be integer milliseconds`],
])('%s %s is refused', (label, value, message) => {
  expect(() => parseAnnouncement({ [label]: value })).toThrow(expect.objectContaining({ code: 'invalid', message }));
});
