import { expect, test } from 'vitest';
import type { HostConfig } from '../../../core/container/config.ts';
import { resources } from './resources.ts';

const NONE = {
  Memory: 0,
  MemorySwap: 0,
  NanoCpus: 0,
  CpuShares: 0,
  CpuQuota: 0,
  CpuPeriod: 0,
  PidsLimit: null,
} as unknown as HostConfig;

test.each<[string, Partial<HostConfig>, object]>([
  ['nothing asked, nothing limited', {}, {}],
  ['memory brings as much swap', { Memory: 100 }, { memory: { limit: 100, swap: 200 } }],
  ['swap said is swap taken', { Memory: 100, MemorySwap: -1 }, { memory: { limit: 100, swap: -1 } }],
  ['processors as a share of a period', { NanoCpus: 1_500_000_000 }, { cpu: { quota: 150_000, period: 100_000 } }],
  [
    'quota and period by themselves',
    { CpuQuota: 5, CpuPeriod: 7, CpuShares: 9 },
    { cpu: { shares: 9, quota: 5, period: 7 } },
  ],
  ['processes, also without limit', { PidsLimit: -1 }, { pids: { limit: -1 } }],
  ['no processes limit by 0', { PidsLimit: 0 }, {}],
  [
    'what Docker has besides',
    { MemoryReservation: 5, MemorySwappiness: 0, OomKillDisable: true, CpusetCpus: '0-1', CpusetMems: '0' },
    { memory: { reservation: 5, swappiness: 0, disableOOMKiller: true }, cpu: { cpus: '0-1', mems: '0' } },
  ],
])('%s', (_, asked, expected) => {
  expect(resources({ ...NONE, ...asked }, { swap: true })).toEqual(expected);
});

test('no swap limit where the kernel does not count swap', () => {
  expect(resources({ ...NONE, Memory: 100 }, { swap: false })).toEqual({ memory: { limit: 100 } });
});
