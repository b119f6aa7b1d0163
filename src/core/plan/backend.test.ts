/** Moving a host from one back end of the firewall to the other. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../firewall/layout.ts';
import { difference } from './difference.ts';
import { key } from './key.ts';
import type { Desired, NftChainObject } from './object.ts';
import { printPlan } from './print.ts';
import { repair } from './repair.ts';
import { desiredOf, options, scene, type Scene } from './scene.fixture.ts';
import { ObjectSet } from './set.fixture.ts';

const SCENE: Scene = {
  options: {
    backend: 'iptables',
    iptables: true,
    ip6tables: false,
    userlandProxy: true,
    allowDirectRouting: false,
    ipForward: true,
    forwardDrop: true,
  },
  networks: [{ number: 1, icc: true, internal: false }],
  containers: [{ number: 2, network: 1, ports: [80, 81], sequence: 1 }],
};

const on = (backend: Backend, its: Scene = SCENE): Desired[] =>
  desiredOf({ ...its, options: { ...its.options, backend } });

function host(objects: readonly Desired[]): ObjectSet {
  const set = new ObjectSet();
  set.apply(difference([], objects));
  return set;
}

const other = (backend: Backend): Backend => (backend === 'iptables' ? 'nftables' : 'iptables');

describe('from one back end to the other', () => {
  it('nothing is left of the first, and all of the second is there', () => {
    fc.assert(
      fc.property(scene(options), (its) => {
        const { backend } = its.options;
        const set = host(on(backend, its));
        const wanted = on(other(backend), its);
        set.apply(repair(set.observe(), wanted, on(backend, its)));
        expect(set.content()).toEqual(host(wanted).content());
        expect(repair(set.observe(), wanted, on(backend, its))).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it('only the firewall changes', () => {
    const kinds = new Set(
      repair(host(on('iptables')).observe(), on('nftables'), on('iptables')).map(({ object }) => object.kind),
    );
    expect(kinds).toEqual(new Set(['nft-table', 'nft-set', 'nft-chain', 'nft-element', 'chain', 'rule']));
  });

  it('foreign rules stay, and what users wrote into DOCKER-USER', () => {
    const set = host(on('iptables'));
    set.chains.rules.get('ip filter FORWARD')!.push('-A FORWARD -j foreign');
    set.chains.rules.get('ip filter DOCKER-USER')!.unshift('-A DOCKER-USER -s 192.0.2.1/32 -j DROP');
    set.apply(repair(set.observe(), on('nftables'), on('iptables')));
    expect([...set.chains.rules].filter(([, rules]) => rules.length > 0)).toEqual([
      ['ip filter FORWARD', ['-A FORWARD -j foreign']],
      ['ip filter DOCKER-USER', ['-A DOCKER-USER -s 192.0.2.1/32 -j DROP']],
    ]);
    expect(set.chains.policies.get('ip filter FORWARD')).toBe('ACCEPT');
    expect(repair(set.observe(), on('nftables'), on('iptables'))).toEqual([]);
  });

  it('what users wrote into the chain user stays, in its table, and is there on the way back', () => {
    const set = host(on('nftables'));
    const its = 'nft-chain ip passerelle user';
    const user = set.objects.get(its) as NftChainObject;
    const rules = [{ statements: [{ drop: null }] }];
    set.objects.set(its, { ...user, rules });
    expect(repair(set.observe(), on('nftables'))).toEqual([]);
    set.apply(repair(set.observe(), on('iptables'), on('nftables')));
    expect([...set.objects.keys()].filter((name) => name.startsWith('nft-'))).toEqual(['nft-table ip passerelle', its]);
    set.apply(repair(set.observe(), on('nftables'), on('iptables')));
    expect(set.objects.get(its)).toMatchObject({ rules });
    expect(repair(set.observe(), on('nftables'), on('iptables'))).toEqual([]);
  });
});

describe('what somebody changed in our table is brought back', () => {
  const wanted = on('nftables');
  const repaired = (damage: (set: ObjectSet) => void): string[] => {
    const set = host(wanted);
    damage(set);
    const steps = repair(set.observe(), wanted);
    set.apply(steps);
    expect(repair(set.observe(), wanted)).toEqual([]);
    expect(set.content()).toEqual(host(wanted).content());
    return steps.map(({ op, object }) => `${op} ${object.kind}`);
  };
  const FORWARD = 'nft-chain ip passerelle forward';
  const forward = (set: ObjectSet) => set.objects.get(FORWARD) as NftChainObject;

  it('a rule more', () => {
    const steps = repaired((set) => {
      const chain = forward(set);
      set.objects.set(FORWARD, { ...chain, rules: [...chain.rules, { statements: [{ drop: null }] }] });
    });
    expect(steps).toEqual(['change nft-chain']);
  });

  it('a rule that is another', () => {
    const steps = repaired((set) => {
      const chain = forward(set);
      set.objects.set(FORWARD, { ...chain, rules: chain.rules.with(2, { statements: [{ accept: null }] }) });
    });
    expect(steps).toEqual(['change nft-chain']);
  });

  it('a chain that lost its hook', () => {
    const steps = repaired((set) => {
      const { base: _, ...chain } = forward(set);
      set.objects.set(FORWARD, chain);
    });
    expect(steps).toEqual(['change nft-chain']);
  });

  it('an element that leads elsewhere, and one that is missing', () => {
    const steps = repaired((set) => {
      const its = 'nft-element ip passerelle entering net1';
      set.objects.set(its, { ...set.objects.get(its)!, verdict: 'accept' } as never);
      set.objects.delete('nft-element ip passerelle ports tcp . 2080');
    });
    expect(steps).toEqual(['change nft-element', 'add nft-element']);
  });

  it('the whole table', () => {
    const steps = repaired((set) => {
      for (const its of set.objects.keys()) if (its.startsWith('nft-')) set.objects.delete(its);
    });
    expect(new Set(steps)).toEqual(new Set(['add nft-table', 'add nft-set', 'add nft-chain', 'add nft-element']));
  });

  it('an element that nobody asked for, such as a dead container’s', () => {
    const steps = repaired((set) => {
      const stray = { kind: 'nft-element', family: 'ip', table: 'passerelle', set: 'published' } as const;
      const its = { ...stray, key: ['172.17.0.9', 'tcp', 80] };
      set.objects.set(key(its), its);
    });
    expect(steps).toEqual(['remove nft-element']);
  });

  it('but sets that users made there for their rules stay', () => {
    const set = host(wanted);
    const blocked = { family: 'ip', table: 'passerelle' } as const;
    const its = { kind: 'nft-set', ...blocked, name: 'blocked', type: ['ipv4_addr'] } as const;
    const element = { kind: 'nft-element', ...blocked, set: 'blocked', key: ['192.0.2.1'] } as const;
    for (const object of [its, element]) set.objects.set(key(object), object);
    expect(repair(set.observe(), wanted)).toEqual([]);
  });
});

it('a plan tells the rules that a chain is written with, each with its reason', () => {
  expect(printPlan(difference([], on('nftables')))).toContain(
    ['      iifname @bridges accept', '          Containers may reach the outside.'].join('\n'),
  );
});
