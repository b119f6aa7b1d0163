import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointObjects, engineObjects, networkObjects, sandboxObjects } from '../drivers/drivers.ts';
import { network, OPTIONS, place, SANDBOX } from '../firewall/records.fixture.ts';
import { difference } from './difference.ts';
import { key } from './key.ts';
import type { Desired } from './object.ts';
import { desiredOf, options, scene, type Scene } from './scene.fixture.ts';
import { ObjectSet } from './set.fixture.ts';
import { undo, type Step } from './step.ts';

const N = network('N', 1);
const C1 = place('c1', N, '172.17.0.2/16', ['8080:80']);
const container = [...sandboxObjects(SANDBOX, 'c1', [C1]), ...endpointObjects(C1, OPTIONS)];
const summary = (steps: readonly Step[]) => steps.map(({ op, object }) => `${op} ${object.kind}`);

/** A host made from nothing. */
function host(objects: readonly Desired[]): ObjectSet {
  const set = new ObjectSet();
  set.apply(difference([], objects));
  return set;
}

describe('the order of steps', () => {
  it('binds ports first, then goes from namespaces to rules, and ends with the name server', () => {
    expect([...new Set(summary(difference([], container)))]).toEqual([
      'add listener',
      'add namespace',
      'add link',
      'add sysctl',
      'add address',
      'add route',
      'add rule',
      'add resolver',
    ]);
  });

  it('takes away in reverse, and leaves what is within to vanish with it', () => {
    const steps = difference(container, []);
    expect([...new Set(summary(steps))]).toEqual([
      'remove listener',
      'remove link',
      'remove rule',
      'remove namespace',
      'remove resolver',
    ]);
    const contents = (kind: string) =>
      steps
        .flatMap((step) => (step.op === 'remove' && step.object.kind === kind ? (step.contents ?? []) : []))
        .map(key);
    expect(contents('link')).toEqual(['address c1-sandbox eth0 172.17.0.2/16', 'route c1-sandbox ip default']);
    expect(contents('namespace')).toEqual([
      'link c1-sandbox lo',
      'sysctl c1-sandbox net/ipv6/conf/all/disable_ipv6',
      'sysctl c1-sandbox net/ipv6/conf/lo/disable_ipv6',
    ]);
  });

  it('takes a child of the host’s link away before its namespace, which goes in its own time', () => {
    const wire = { ...N, driver: 'macvlan', parent: { parent: 'eth0', mode: 'bridge' } };
    const its = { ...C1, network: wire, endpoint: { ...C1.endpoint, bindings: [] } };
    const steps = difference([...sandboxObjects(SANDBOX, 'c1', [its]), ...endpointObjects(its, OPTIONS)], []);
    expect(steps.map(({ op, object }) => `${op} ${key(object)}`)).toEqual([
      'remove link c1-sandbox eth0',
      'remove namespace c1-sandbox',
      'remove resolver c1-sandbox',
    ]);
  });

  it('keeps the firewall’s steps together', () => {
    const other = place('c1', N, '172.17.0.3/16', ['8081:81']);
    const next = [...sandboxObjects(SANDBOX, 'c1', [other]), ...endpointObjects(other, OPTIONS)];
    const kinds = difference(container, next).map(({ object }) => object.kind);
    expect(kinds.lastIndexOf('rule') - kinds.indexOf('rule')).toBe(kinds.filter((kind) => kind === 'rule').length - 1);
  });
});

describe('what makes no step', () => {
  it('is another reason or name', () => {
    const renamed = { ...C1, containerName: 'other' };
    expect(difference(endpointObjects(C1, OPTIONS), endpointObjects(renamed, OPTIONS))).toEqual([]);
  });

  it('is a rule of two owners, of whom one stays', () => {
    const [a, b] = ['80:80/sctp', '81:80/sctp'].map((port, index) =>
      endpointObjects(place(`c${index}`, N, `172.17.0.${index + 2}/16`, [port], { bindingSequence: index }), OPTIONS),
    ) as [Desired[], Desired[]];
    const set = host([...engineObjects(OPTIONS), ...networkObjects(N, OPTIONS)]);
    const rules = (objects: readonly Desired[]) => objects.filter(({ kind }) => kind === 'rule');
    set.apply(difference([], [...rules(a), ...rules(b)]));
    set.apply(difference(rules(a), []));
    expect(set.chains.list('ip mangle POSTROUTING')).toEqual([
      '-A POSTROUTING -p sctp -m sctp --sport 80 -j CHECKSUM --checksum-fill',
    ]);
  });
});

describe('a change', () => {
  it('of what the kernel can change keeps the object', () => {
    const moved = endpointObjects(place('c1', N, '172.17.0.2/16', [], { gateway4: '172.17.0.9' }), OPTIONS);
    const before = endpointObjects(place('c1', N, '172.17.0.2/16'), OPTIONS);
    expect(summary(difference(before, moved))).toEqual(['change route']);
  });

  it('of what it cannot change makes a new one, with all that is within', () => {
    const other = endpointObjects({ ...C1, endpoint: { ...C1.endpoint, mac: '02:42:ac:11:00:09' } }, OPTIONS);
    expect(summary(difference(endpointObjects(C1, OPTIONS), other))).toEqual([
      'remove link',
      'add link',
      'add address',
      'add route',
    ]);
  });

  it('puts DOCKER-USER and the isolation to the front of FORWARD again', () => {
    const engine = engineObjects(OPTIONS);
    const set = host(engine);
    set.chains.rules.get('ip filter FORWARD')!.unshift('-A FORWARD -j foreign');
    set.apply(difference(engine, [...engine, ...networkObjects(N, OPTIONS)]));
    expect(set.chains.list('ip filter FORWARD')).toEqual([
      '-A FORWARD -j DOCKER-USER',
      '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
      '-A FORWARD -o N -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A FORWARD -o N -j DOCKER',
      '-A FORWARD -i N ! -o N -j ACCEPT',
      '-A FORWARD -i N -o N -j ACCEPT',
      '-A FORWARD -j foreign',
    ]);
  });
});

it('takes the engine’s own rules away, and the policy, and leaves foreign rules', () => {
  const engine = engineObjects(OPTIONS);
  const set = host(engine);
  set.chains.rules.get('ip filter FORWARD')!.push('-A FORWARD -j foreign');
  set.apply(difference(engine, []));
  expect([...set.chains.rules].filter(([, rules]) => rules.length > 0)).toEqual([
    ['ip filter FORWARD', ['-A FORWARD -j foreign']],
  ]);
  expect(set.chains.policies.get('ip filter FORWARD')).toBe('ACCEPT');
});

describe('from any host to any other', () => {
  const pair = fc.tuple(scene(options), scene(options));
  const both = ([a, b]: readonly [Scene, Scene]) => [desiredOf(a), desiredOf(b)] as const;

  it('the steps lead there, in the order that positions promise', () => {
    fc.assert(
      fc.property(pair, (scenes) => {
        const [a, b] = both(scenes);
        const set = host(a);
        set.apply(difference(a, b));
        expect(without(set, 'sysctl host')).toEqual(without(host(b), 'sysctl host'));
      }),
      { numRuns: 100 },
    );
  });

  it('and undone lead back', () => {
    fc.assert(
      fc.property(pair, (scenes) => {
        const [a, b] = both(scenes);
        const set = host(a);
        const steps = difference(a, b);
        set.apply(steps);
        set.apply(undo(steps));
        set.apply(difference(a, a));
        expect(sorted(set)).toEqual(sorted(host(a)));
      }),
      { numRuns: 100 },
    );
  });

  it('and there is no step from a host to itself', () => {
    fc.assert(fc.property(scene(options), (its) => difference(desiredOf(its), desiredOf(its)).length === 0));
  });
});

/** Sysctls keep their value when nobody calls for them any more. */
function without(set: ObjectSet, prefix: string): unknown {
  for (const its of set.objects.keys()) if (its.startsWith(prefix)) set.objects.delete(its);
  return set.content();
}

/** The content with the rules of each chain in the order of the alphabet. */
function sorted(set: ObjectSet): unknown {
  for (const rules of set.chains.rules.values()) rules.sort();
  return without(set, 'sysctl');
}
