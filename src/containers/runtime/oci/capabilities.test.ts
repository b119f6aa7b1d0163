import { expect, test } from 'vitest';
import { capabilities, capabilitiesOfMask } from './capabilities.ts';

const ALL = capabilitiesOfMask('1ffffffffff');
const DEFAULT = capabilities({ privileged: false, add: [], drop: [] }, ALL);

test('the kernel knows 41; Docker leaves a container 14', () => {
  expect(ALL).toHaveLength(41);
  expect(capabilitiesOfMask('00000000a80425fb').toSorted()).toEqual([...DEFAULT].sort());
});

test.each<[string, readonly string[], readonly string[], readonly string[]]>([
  ['an added one comes to the default', ['NET_ADMIN'], [], [...DEFAULT, 'CAP_NET_ADMIN']],
  [
    'the prefix and the case do not matter',
    ['cap_net_admin'],
    ['mknod'],
    [...DEFAULT.filter((n) => n !== 'CAP_MKNOD'), 'CAP_NET_ADMIN'],
  ],
  ['one that is there already is not added twice', ['CHOWN'], [], DEFAULT],
  ['all but some', ['ALL'], ['SYS_ADMIN'], ALL.filter((name) => name !== 'CAP_SYS_ADMIN')],
  ['none but some', ['KILL'], ['ALL'], ['CAP_KILL']],
  ['added wins over dropped', ['CHOWN'], ['CHOWN'], [...DEFAULT.filter((n) => n !== 'CAP_CHOWN'), 'CAP_CHOWN']],
])('%s', (_, add, drop, expected) => {
  expect(capabilities({ privileged: false, add, drop }, ALL)).toEqual(expected);
});

test('privileged: whatever can be handed on', () => {
  expect(capabilities({ privileged: true, add: [], drop: ['ALL'] }, ['CAP_KILL'])).toEqual(['CAP_KILL']);
});

test('one that there is none of is named, with the field it stands in', () => {
  expect(() => capabilities({ privileged: false, add: [], drop: ['flying'] }, ALL)).toThrow(
    'invalid CapDrop: unknown capability: "CAP_FLYING"',
  );
});
