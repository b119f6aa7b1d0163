/** What every kernel must do. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Match, Rule, Target } from '../firewall/rule.ts';
import { fits } from '../plan/compare.ts';
import { key } from '../plan/key.ts';
import type { Desired, KernelObject, Position, RuleObject } from '../plan/object.ts';
import type { Step } from '../plan/step.ts';
import { type Kernel, KernelError } from './kernel.ts';

const SANDBOX = 'c-sandbox';
const REASON = {
  owner: { kind: 'engine', id: 'contract', name: 'contract' },
  why: 'The contract asks for it.',
} as const;

const wanted = <T extends KernelObject>(object: T): Desired<T> => ({ ...object, ...REASON });
const add = (object: KernelObject): Step<KernelObject> => ({ op: 'add', object: wanted(object) });
const remove = (object: KernelObject, contents: readonly KernelObject[] = []): Step<KernelObject> => ({
  op: 'remove',
  object: wanted(object),
  contents: contents.map((inside) => wanted(inside)),
});
const change = (before: KernelObject, object: KernelObject): Step<KernelObject> => ({
  op: 'change',
  before: wanted(before),
  object: wanted(object),
});

const namespace: KernelObject = { kind: 'namespace', id: SANDBOX };
const loopback = {
  kind: 'link',
  type: 'loopback',
  namespace: SANDBOX,
  name: 'lo',
  up: true,
} as const satisfies KernelObject;
const bridge = {
  kind: 'link',
  type: 'bridge',
  namespace: 'host',
  name: 'br-c',
  mac: '02:42:0a:00:00:01',
  mtu: 1500,
  up: true,
} as const satisfies KernelObject;
const veth = {
  kind: 'link',
  type: 'veth',
  namespace: 'host',
  name: 'vethc',
  mtu: 1500,
  master: 'br-c',
  hairpin: false,
  up: true,
  peer: { namespace: SANDBOX, name: 'eth0', mac: '02:42:0a:01:00:02' },
} as const satisfies KernelObject;
const macvlan = {
  kind: 'link',
  type: 'macvlan',
  namespace: SANDBOX,
  name: 'eth1',
  parent: 'br-c',
  mode: 'bridge',
  mac: '02:42:0a:01:00:03',
  up: true,
} as const satisfies KernelObject;
const gateway = {
  kind: 'address',
  namespace: 'host',
  link: 'br-c',
  address: '10.1.0.1/16',
  broadcast: '10.1.255.255',
} as const satisfies KernelObject;
const inside: KernelObject = { ...gateway, namespace: SANDBOX, link: 'eth0', address: '10.1.0.2/16' };
const inside6: KernelObject = {
  kind: 'address',
  namespace: SANDBOX,
  link: 'eth0',
  address: 'fd00:1::2/64',
  nodad: true,
};
const defaultRoute = {
  kind: 'route',
  namespace: SANDBOX,
  family: 'ip',
  to: 'default',
  via: '10.1.0.1',
  link: 'eth0',
} as const satisfies KernelObject;
const defaultRoute6: KernelObject = { ...defaultRoute, family: 'ip6', via: 'fd00:1::1' };
const linkRoute = {
  kind: 'route',
  namespace: SANDBOX,
  family: 'ip',
  to: '10.9.0.0/16',
  link: 'eth0',
} as const satisfies KernelObject;
const forwarding = { kind: 'sysctl', namespace: 'host', name: 'net/ipv4/ip_forward', value: '1' } as const;
const chain: KernelObject = { kind: 'chain', family: 'ip', table: 'filter', name: 'C-OWN' };
const chain6: KernelObject = { ...chain, family: 'ip6' };
const policy = { kind: 'chain', family: 'ip', table: 'filter', name: 'FORWARD', policy: 'DROP' } as const;

const HEAD: Position = { section: 'head', sequence: 1, index: 0 };
const TAIL: Position = { section: 'tail', sequence: 1, index: 0 };
const rule = (matches: readonly Match[], target: Target, position = TAIL, place: Partial<Rule> = {}): RuleObject => ({
  kind: 'rule',
  rule: { family: 'ip', table: 'filter', chain: 'FORWARD', matches, target, ...place },
  position,
});
const jump = rule([{ kind: 'in', link: 'br-c' }], { kind: 'jump', chain: 'C-OWN' });
const masquerade = rule(
  [
    { kind: 'source', prefix: '10.1.0.0/16' },
    { kind: 'out', link: 'br-c', not: true },
  ],
  { kind: 'masquerade' },
  HEAD,
  { table: 'nat', chain: 'POSTROUTING' },
);
const own = (link: string, position = TAIL, family: Rule['family'] = 'ip'): RuleObject =>
  rule([{ kind: 'out', link }], { kind: 'return' }, position, { chain: 'C-OWN', family });

/** A sandbox on a bridge, with all that makes it reachable. */
const SCENE: readonly KernelObject[] = [
  namespace,
  loopback,
  bridge,
  veth,
  forwarding,
  gateway,
  inside,
  inside6,
  defaultRoute,
  defaultRoute6,
  linkRoute,
  chain,
  chain6,
  policy,
  jump,
  masquerade,
  own('br-c', TAIL, 'ip6'),
];

/** `make` gives a kernel whose host has nothing but a loopback link, and the kernel's settings as they are at birth. */
export function kernelContract(name: string, make: () => Promise<Kernel>): void {
  describe(name, () => {
    let kernel: Kernel;

    beforeEach(async () => {
      kernel = await make();
    });

    afterEach(async () => {
      await kernel.apply([remove(veth), remove(namespace)]);
      await kernel.close();
    });

    const observe = () => kernel.observe({ sandboxes: [SANDBOX] });

    /** What is there by that object's key. */
    const found = async (object: KernelObject) => (await observe()).find((other) => key(other) === key(object));

    const expectThere = async (...objects: readonly KernelObject[]) => {
      const all = await observe();
      for (const object of objects) {
        const there = all.filter((other) => key(other) === key(object));
        expect(
          there.some((other) => object.kind === 'rule' || fits(other, object)),
          `${JSON.stringify(object)} in ${JSON.stringify(there)}`,
        ).toBe(true);
      }
    };

    const expectGone = async (...objects: readonly KernelObject[]) => {
      const keys = (await observe()).map((other) => key(other));
      for (const object of objects) expect(keys).not.toContain(key(object));
    };

    /** The state as a value; interface identifiers and their addresses come late and by chance. */
    const state = async () =>
      (await observe())
        .filter((object) => !JSON.stringify(object).includes('fe80:'))
        .map((object) => (object.kind === 'rule' ? `${key(object)} at ${object.position.index}` : key(object)))
        .sort();

    const refusal = async (steps: readonly Step<KernelObject>[]): Promise<KernelError> => {
      const error: unknown = await kernel.apply(steps).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(KernelError);
      return error as KernelError;
    };

    /** The links that the rules of the own chain match, in their order. */
    const ownRules = async (family: Rule['family'] = 'ip') =>
      (await observe()).flatMap((object) =>
        object.kind === 'rule' && object.rule.chain === 'C-OWN' && object.rule.family === family
          ? object.rule.matches.map((match) => (match.kind === 'out' ? match.link : ''))
          : [],
      );

    test('every kind of object is made, seen, and removed; removing what is gone is no error', async () => {
      const before = await state();
      await kernel.apply(SCENE.map(add));
      await expectThere(...SCENE);
      const removals = SCENE.toReversed().map((object) => remove(object));
      await kernel.apply(removals);
      await expectGone(...SCENE.filter((object) => object !== policy && object !== forwarding));
      expect(await found(policy)).toMatchObject({ policy: 'ACCEPT' });
      // A setting that nobody asks for any more stays as it is.
      await expectThere(forwarding);
      await kernel.apply(removals);
      const leftovers = (await state()).filter(
        (object) => !before.includes(object) && !/^(chain|sysctl) /.test(object),
      );
      expect(leftovers).toEqual([]);
    });

    test('a macvlan child is born in its sandbox', async () => {
      await kernel.apply([namespace, bridge, macvlan].map(add));
      await expectThere(macvlan);
      await kernel.apply([remove(macvlan)]);
      await expectGone(macvlan);
    });

    test('only what the scope names is looked at', async () => {
      await kernel.apply(SCENE.map(add));
      const links = await kernel.observe({ sandboxes: ['c-missing'], kinds: ['link'] });
      expect(links.map((object) => object.kind)).toEqual(links.map(() => 'link'));
      expect(links.map((object) => object.kind === 'link' && object.namespace)).toEqual(links.map(() => 'host'));
      expect(await kernel.observe({ sandboxes: [], kinds: ['namespace'] })).toEqual([namespace]);
    });

    test('what is within an object goes with it, the far end of a veth pair too', async () => {
      await kernel.apply(SCENE.map(add));
      await kernel.apply([remove(veth, [inside, defaultRoute])]);
      await expectGone(veth, inside, inside6, defaultRoute, defaultRoute6);
      await kernel.apply([remove(namespace), remove(loopback), remove(inside), remove(defaultRoute)]);
      await expectGone(namespace, loopback);
    });

    test.each<{ what: string; before: KernelObject; after: KernelObject }>([
      { what: 'MTU of a bridge', before: bridge, after: { ...bridge, mtu: 1400 } },
      { what: 'MAC of a bridge', before: bridge, after: { ...bridge, mac: '02:42:0a:00:00:09' } },
      { what: 'bridge that is down', before: bridge, after: { ...bridge, up: false } },
      { what: 'hairpin mode', before: veth, after: { ...veth, hairpin: true } },
      { what: 'MTU of a veth pair', before: veth, after: { ...veth, mtu: 1400 } },
      {
        what: 'MAC in the sandbox',
        before: veth,
        after: { ...veth, peer: { ...veth.peer, mac: '02:42:0a:01:00:09' } },
      },
      { what: 'way of a route', before: defaultRoute, after: { ...defaultRoute, via: '10.1.0.9' } },
      { what: 'broadcast address', before: gateway, after: { ...gateway, broadcast: '10.1.255.254' } },
      { what: 'setting', before: forwarding, after: { ...forwarding, value: '0' } },
      { what: 'policy', before: policy, after: { ...policy, policy: 'ACCEPT' } },
    ])('change: $what, there and back', async ({ before, after }) => {
      await kernel.apply(SCENE.map(add));
      await kernel.apply([change(before, after)]);
      await expectThere(after);
      await kernel.apply([change(after, before)]);
      await expectThere(before);
      // What stands on the object is still there.
      await expectThere(...SCENE.filter((object) => object !== gateway || before !== gateway));
    });

    test('a port goes from one bridge to another and keeps its hairpin mode', async () => {
      const second: KernelObject = { ...bridge, name: 'br-d', mac: '02:42:0a:00:00:02' };
      const port: KernelObject = { ...veth, hairpin: true };
      const moved: KernelObject = { ...port, master: 'br-d' };
      await kernel.apply([namespace, bridge, second, port].map(add));
      await kernel.apply([change(port, moved)]);
      await expectThere(moved);
      const { master: _, ...free } = moved;
      await kernel.apply([change(moved, free)]);
      expect(await found(veth)).not.toHaveProperty('master');
    });

    test.each<{ what: string; step: Step<KernelObject> }>([
      { what: 'an address on a link that is missing', step: add({ ...gateway, link: 'missing' }) },
      { what: 'a name that is taken', step: add({ ...bridge, mac: '02:42:0a:00:00:07' }) },
      { what: 'a peer whose name is taken', step: add({ ...veth, name: 'vethd' }) },
      { what: 'a port of a bridge that is missing', step: add({ ...veth, name: 'vethd', master: 'missing' }) },
      { what: 'a namespace that is there', step: add(namespace) },
      { what: 'a link in a sandbox that is missing', step: add({ ...loopback, namespace: 'c-missing' }) },
      { what: 'an address that is there', step: add(gateway) },
      { what: 'a route that is there', step: add(defaultRoute) },
      { what: 'a way that no link leads to', step: add({ ...defaultRoute, to: '10.8.0.0/16', via: '192.0.2.1' }) },
      { what: 'a setting that the kernel does not know', step: add({ ...forwarding, name: 'net/ipv4/c_missing' }) },
      { what: 'a value that the kernel refuses', step: add({ ...forwarding, value: 'c' }) },
      { what: 'a chain that is there', step: add(chain) },
      { what: 'a jump to a chain that is missing', step: add(rule([], { kind: 'jump', chain: 'C-MISSING' })) },
    ])('refused, with the words of the kernel: $what', async ({ step }) => {
      await kernel.apply(SCENE.map(add));
      const before = await state();
      const error = await refusal([
        add({ ...bridge, name: 'br-new', mac: '02:42:0a:00:00:08' }),
        step,
        add(rule([], { kind: 'accept' })),
      ]);
      expect(error.step).toBe(step);
      expect(error.message).toContain(key(step.object));
      expect(error.code).not.toBe('');
      expect(error.message).not.toContain('taken back');
      expect(await state()).toEqual(before);
    });

    test('all or none: every kind of step is taken back, and what was not there does not come', async () => {
      await kernel.apply(SCENE.map(add));
      const before = await state();
      const gone: KernelObject = { ...bridge, name: 'br-gone' };
      await refusal([
        add({ ...bridge, name: 'br-new', mac: '02:42:0a:00:00:08' }),
        add({ ...gateway, link: 'br-new', address: '10.2.0.1/16' }),
        change(forwarding, { ...forwarding, value: '0' }),
        change(bridge, { ...bridge, mtu: 1400 }),
        change(defaultRoute, { ...defaultRoute, via: '10.1.0.9' }),
        remove(linkRoute),
        remove(veth, [inside, inside6, defaultRoute, defaultRoute6]),
        remove(gone),
        add({ ...veth, master: 'br-new' }),
        remove(jump),
        add(own('before')),
        add(own('before', TAIL, 'ip6')),
        add(bridge),
      ]);
      expect(await state()).toEqual(before);
      await expectThere(...SCENE);
      await expectGone(gone);
    });

    test('a refused rule of one family takes back the rules of the other, and of the tables before', async () => {
      await kernel.apply(SCENE.map(add));
      const before = await state();
      const refused = add(rule([], { kind: 'jump', chain: 'C-MISSING' }, TAIL, { family: 'ip6' }));
      const error = await refusal([
        add(own('a')),
        remove(masquerade),
        add(own('b', TAIL, 'ip6')),
        add(rule([], { kind: 'accept' }, TAIL, { family: 'ip6', table: 'raw', chain: 'PREROUTING' })),
        refused,
      ]);
      expect(error.step).toBe(refused);
      // A table's own chains may come with its first rule.
      const isOfRaw = (object: string) => object.startsWith('chain ip6 raw');
      expect((await state()).filter((object) => !isOfRaw(object))).toEqual(before.filter((its) => !isOfRaw(its)));
    });

    test('rules stand where their positions say, whatever the order of the steps', async () => {
      const at = (link: string, section: Position['section'], sequence: number, index = 0) =>
        add(own(link, { section, sequence, index }));
      await kernel.apply([add(chain), at('f0', 'tail', 0)]);
      await kernel.apply([
        at('t2', 'tail', 2),
        at('h1b', 'head', 1, 1),
        at('h2', 'head', 2),
        at('t1', 'tail', 1),
        at('first', 'first', 0),
        at('h1a', 'head', 1, 0),
      ]);
      expect(await ownRules()).toEqual(['first', 'h2', 'h1a', 'h1b', 'f0', 't1', 't2']);
      // A rule that is changed into itself is put to its edge again.
      const first = own('first', { section: 'first', sequence: 0, index: 0 });
      await kernel.apply([at('h3', 'head', 3), change(first, first)]);
      expect(await ownRules()).toEqual(['first', 'h3', 'h2', 'h1a', 'h1b', 'f0', 't1', 't2']);
    });

    test('of several equal rules one is removed; what is missing is skipped among what is not', async () => {
      await kernel.apply([chain, own('a'), own('b'), own('a'), own('c')].map(add));
      await kernel.apply([remove(own('a')), remove(own('missing')), add(own('d'))]);
      expect(await ownRules()).toEqual(['b', 'a', 'c', 'd']);
      await kernel.apply([remove(own('a')), remove(own('a')), change(own('gone'), own('gone')), remove(own('d'))]);
      expect(await ownRules()).toEqual(['b', 'c', 'gone']);
      await kernel.apply([remove(chain, [own('b'), own('c'), own('gone')])]);
      await expectGone(chain);
    });

    test('what a removed chain held comes back with it', async () => {
      const foreign = own('z');
      await kernel.apply([chain, own('a'), foreign].map(add));
      await refusal([remove(chain, [own('a'), foreign]), add(bridge), add(bridge)]);
      expect(await ownRules()).toEqual(['a', 'z']);
    });

    test('requests are done in the order that they are made in', async () => {
      const done = await Promise.allSettled([
        kernel.apply([add(bridge)]),
        kernel.apply([add(bridge)]),
        kernel.apply([remove(bridge)]),
        kernel.apply([add(bridge), add(gateway)]),
      ]);
      expect(done.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
      await expectThere(bridge, gateway);
    });

    test('a watch tells of changes, and of none once it is closed', async () => {
      let changes = 0;
      const watch = kernel.watch('host', () => (changes += 1));
      const told = async (steps: readonly Step<KernelObject>[]) => {
        const before = changes;
        await kernel.apply(steps);
        await expect.poll(() => changes, { timeout: 3000 }).toBeGreaterThan(before);
      };
      await told([add(bridge)]);
      await told([add(gateway)]);
      await told([add({ ...linkRoute, namespace: 'host', link: 'br-c' })]);
      await told([add(masquerade)]);
      watch.close();
      await kernel.observe({ sandboxes: [] });
      const before = changes;
      await kernel.apply([remove(bridge)]);
      await kernel.observe({ sandboxes: [] });
      expect(changes).toBe(before);
    });

    test('there is a path to join a sandbox by, and no flow to forget in a new host', async () => {
      expect(kernel.namespacePath('c-one')).not.toBe(kernel.namespacePath('c-two'));
      expect(await kernel.flushUdpConntrack({ address: '', port: 53 })).toBe(0);
    });

    test('a link is announced once its bridge takes frames from it', async () => {
      await kernel.apply([bridge, namespace, veth, inside].map(add));
      const presence = { namespace: SANDBOX, link: 'eth0', port: 'vethc', addresses: ['10.1.0.2', 'fd00:1::2'] };
      await expect.poll(() => kernel.announce(presence), { timeout: 3000 }).toBe(true);
    });

    test('a closed kernel refuses; closing it again is no error', async () => {
      const closed = await make();
      await closed.close();
      await closed.close();
      await expect(closed.apply([add(bridge)])).rejects.toThrow('closed');
    });
  });
}
