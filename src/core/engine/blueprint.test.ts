import { describe, expect, it } from 'vitest';
import { isFirewall, type Backend } from '../firewall/layout.ts';
import { network, OPTIONS } from '../firewall/records.fixture.ts';
import type { KernelObject } from '../plan/object.ts';
import { desiredObjects, supersededObjects } from './blueprint.ts';
import { Ledger } from './records.ts';

const on = (backend: Backend) => ({ firewall: { ...OPTIONS, backend } });

const ledger = new Ledger();
const draft = ledger.draft();
draft.network.put(network('bridge', 1, { bridge: { name: 'docker0' } }));
ledger.commit(draft);

const present = (backend: Backend) =>
  desiredObjects(ledger, on(backend)).filter((object) => isFirewall(object)) as readonly KernelObject[];

describe('what the other back end left', () => {
  it.each([
    ['iptables', 'nftables'],
    ['nftables', 'iptables'],
  ] as const)('%s: all of it is ours, now that it is %s', (before, now) => {
    expect(supersededObjects(ledger, on(now), present(before))).toEqual(present(before));
  });

  it('is nothing if the back end is the same as before', () => {
    for (const backend of ['iptables', 'nftables'] as const) {
      expect(supersededObjects(ledger, on(backend), present(backend))).toEqual([]);
    }
  });

  it('is nothing where only Docker’s own chains are there, without a rule of our networks', () => {
    const chains = present('iptables').filter(({ kind }) => kind === 'chain');
    expect(chains).not.toEqual([]);
    expect(supersededObjects(ledger, on('nftables'), chains)).toEqual([]);
  });
});
