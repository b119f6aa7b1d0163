import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointObjects, engineObjects, networkObjects, sandboxObjects } from '../drivers/drivers.ts';
import { network, OPTIONS, place, SANDBOX } from '../firewall/records.fixture.ts';
import { difference } from './difference.ts';
import type { Desired, KernelObject } from './object.ts';
import { repair } from './repair.ts';
import { desiredOf, options, scene } from './scene.fixture.ts';
import { ObjectSet } from './set.fixture.ts';

const N = network('N', 1);
const C1 = place('c1', N, '172.17.0.2/16', ['8080:80']);
const DESIRED: readonly Desired[] = [
  ...engineObjects(OPTIONS),
  ...networkObjects(N, OPTIONS),
  ...sandboxObjects(SANDBOX, 'c1', [C1]),
  ...endpointObjects(C1, OPTIONS),
];

function host(objects: readonly Desired[] = DESIRED): ObjectSet {
  const set = new ObjectSet();
  set.apply(difference([], objects));
  return set;
}

/** Damages a whole host, repairs it, and tells the steps. */
function repaired(damage: (set: ObjectSet) => void, ours: readonly Desired[] = []) {
  const set = host();
  damage(set);
  const steps = repair(set.observe(), DESIRED, ours);
  set.apply(steps);
  expect(repair(set.observe(), DESIRED, ours)).toEqual([]);
  return { set, steps: steps.map(({ op, object }) => `${op} ${object.kind}`), all: steps };
}

const rulesOf = (set: ObjectSet, chain: string) => set.chains.rules.get(`ip ${chain}`)!;

describe('a host that is as wanted', () => {
  it('needs nothing', () => {
    expect(repaired(() => {}).steps).toEqual([]);
  });

  it('needs nothing either if the kernel tells more, or less, than was asked for', () => {
    const { steps } = repaired((set) => {
      for (const [its, object] of set.objects) {
        if (object.kind === 'link' && object.type === 'bridge') set.objects.set(its, { ...object, mtu: 1400 });
        if (object.kind === 'address') {
          const { broadcast: _, ...less } = object;
          set.objects.set(its, less);
        }
      }
    });
    expect(steps).toEqual([]);
  });
});

describe('what somebody changed', () => {
  it('in rules is brought back: all of them, after a flush', () => {
    const { set, steps } = repaired((its) => {
      for (const rules of its.chains.rules.values()) rules.length = 0;
    });
    expect(new Set(steps)).toEqual(new Set(['add rule']));
    expect(set.content()).toEqual(host().content());
  });

  it('chains and all', () => {
    const { set } = repaired((its) => {
      for (const [chain, rules] of its.chains.rules) {
        rules.length = 0;
        if (chain.includes('DOCKER')) its.chains.rules.delete(chain);
      }
    });
    expect(set.chains.list('ip filter FORWARD')).toEqual(host().chains.list('ip filter FORWARD'));
  });

  it('a policy', () => {
    expect(repaired((its) => its.chains.policies.set('ip filter FORWARD', 'ACCEPT')).steps).toEqual(['change chain']);
  });

  it('doubled rules are there once', () => {
    const { set, steps } = repaired((its) => rulesOf(its, 'nat DOCKER').push(...rulesOf(its, 'nat DOCKER')));
    expect(set.content()).toEqual(host().content());
    expect(steps).toEqual(['remove rule', 'remove rule']);
  });

  it('order: DOCKER-USER is first again', () => {
    const { set, steps } = repaired((its) => {
      const rules = rulesOf(its, 'filter FORWARD');
      rules.push(rules.shift()!);
    });
    expect(set.content()).toEqual(host().content());
    expect(steps).toEqual(['change rule']);
  });

  it('a bridge that was deleted comes back, and its port is plugged in again', () => {
    const { set, steps } = repaired((its) => {
      its.objects.delete('link host N');
      its.objects.delete('address host N 172.17.0.1/16');
      its.objects.delete('sysctl host net/ipv6/conf/N/accept_ra');
      const { master: _, ...port } = its.objects.get('link host veth-c1') as { master: string };
      its.objects.set('link host veth-c1', port as never);
    });
    expect(set.content()).toEqual({ ...(host().content() as object), objects: expect.anything() });
    expect(steps).toEqual(['add link', 'change link', 'add sysctl', 'add address']);
  });

  it('a link of the wrong type is replaced, with its addresses', () => {
    const { steps } = repaired((its) =>
      its.objects.set('link host N', { kind: 'link', type: 'dummy', namespace: 'host', name: 'N', up: true }),
    );
    expect(steps).toEqual(['remove link', 'add link', 'add sysctl', 'add address']);
  });
});

describe('what is not wanted', () => {
  const stale = network('stale', 2);

  it.each([
    ['in a chain of ours', 'filter DOCKER', '-A DOCKER -d 172.99.0.2/32 -p tcp -m tcp --dport 80 -j ACCEPT'],
    ['leading to one', 'filter FORWARD', '-A FORWARD -o br-gone -j DOCKER'],
  ])('goes if it is a rule %s', (_, chain, rule) => {
    const { set, steps } = repaired((its) => rulesOf(its, chain).push(rule));
    expect(steps).toEqual(['remove rule']);
    expect(set.content()).toEqual(host().content());
  });

  it('goes if an earlier engine wanted it', () => {
    const ours = networkObjects(stale, OPTIONS);
    const { set, all } = repaired((its) => its.apply(difference([], ours)), ours);
    expect(all.find(({ object }) => object.kind === 'link')?.object.owner.name).toBe('stale');
    expect(set.content()).toEqual(host().content());
  });

  it('goes if it is a sandbox', () => {
    const { steps } = repaired((its) => its.objects.set('namespace lost', { kind: 'namespace', id: 'lost' }));
    expect(steps).toEqual(['remove namespace']);
  });

  it('stays if it is foreign: rules, chains, links, what users wrote into DOCKER-USER', () => {
    const { steps } = repaired((its) => {
      rulesOf(its, 'filter FORWARD').unshift('-A FORWARD -i tailscale0 -j ACCEPT');
      rulesOf(its, 'filter FORWARD').push('-A FORWARD -j ufw-forward');
      rulesOf(its, 'filter DOCKER-USER').unshift('-A DOCKER-USER -s 10.0.0.0/8 -j DROP');
      rulesOf(its, 'filter INPUT').push('-A INPUT -j DOCKER-USER');
      its.chains.rules.set('ip filter ufw-forward', []);
      its.objects.set('link host br0', { kind: 'link', type: 'bridge', namespace: 'host', name: 'br0', up: true });
    });
    expect(steps).toEqual([]);
  });
});

describe('any damage', () => {
  const foreign = ['-A FORWARD -i eth0 -j ACCEPT', '-A FORWARD -j ufw-forward', '-A FORWARD -j foreign'];
  const accident = fc.record({
    what: fc.constantFrom('drop', 'double', 'rotate', 'swap', 'foreign', 'object'),
    chain: fc.nat(),
    index: fc.nat(),
  });

  it('is repaired in one go, and foreign rules stay in their order', () => {
    fc.assert(
      fc.property(scene(options), fc.array(accident, { maxLength: 12 }), (its, accidents) => {
        const desired = desiredOf(its);
        const set = host(desired);
        for (const { what, chain, index } of accidents) damage(set, what, chain, index);
        const before = foreignRules(set);
        set.apply(repair(set.observe(), desired));
        expect(repair(set.observe(), desired)).toEqual([]);
        expect(foreignRules(set)).toEqual(before);
        for (const [name, rules] of set.chains.rules) {
          if (name === 'ip filter FORWARD')
            set.chains.rules.set(
              name,
              rules.filter((rule) => !foreign.includes(rule)),
            );
        }
        expect(set.content()).toEqual(host(desired).content());
      }),
      { numRuns: 100 },
    );
  });

  function foreignRules(set: ObjectSet): string[] {
    return set.chains.list('ip filter FORWARD').filter((rule) => foreign.includes(rule));
  }

  function damage(set: ObjectSet, what: string, chain: number, index: number): void {
    const chains = [...set.chains.rules.values()].filter((rules) => rules.length > 0);
    const rules = chains[chain % Math.max(chains.length, 1)] ?? [];
    const at = index % Math.max(rules.length, 1);
    const forward = set.chains.rules.get('ip filter FORWARD')!;
    const objects = [...set.objects].filter(([, { kind }]) => kind === 'route' || kind === 'address');
    if (what === 'foreign') forward.splice(index % (forward.length + 1), 0, foreign[chain % 3]!);
    else if (what === 'object') set.objects.delete(objects[index % Math.max(objects.length, 1)]?.[0] ?? '');
    else if (rules.length === 0) return;
    else if (what === 'drop') rules.splice(at, 1);
    else if (what === 'double') rules.push(rules[at]!);
    else if (what === 'rotate') rules.push(rules.shift()!);
    else rules.splice(at, 1, ...rules.splice((at + 1) % rules.length, 1, rules[at]!));
  }
});

it('looks only at what the kernel holds', () => {
  const set = host();
  const observed: KernelObject[] = set.observe();
  expect(repair(observed, DESIRED).some(({ object }) => (object as Desired).kind === 'listener')).toBe(false);
});
