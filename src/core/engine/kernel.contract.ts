/** What every kernel must do. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TABLE } from '../firewall/nftables/sheet.ts';
import type { Match, Rule, Target } from '../firewall/rule.ts';
import { fits } from '../plan/compare.ts';
import { key } from '../plan/key.ts';
import type {
  Desired,
  KernelObject,
  NftChainObject,
  NftElementObject,
  NftObject,
  NftTableObject,
  Position,
  RuleObject,
} from '../plan/object.ts';
import type { Step } from '../plan/step.ts';
import { type Kernel, KernelError, type Notice } from './kernel.ts';

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
/** A rule of nftables that drops whom a set holds. */
function looksInto(set: string): NftChainObject['rules'][number] {
  const left = { payload: { protocol: 'ip', field: 'saddr' } };
  return { statements: [{ match: { op: '==', left, right: `@${set}` } }, { drop: null }], comment: `c-${set}` };
}
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

const place = { family: 'ip', table: TABLE } as const;
const table: NftTableObject = { kind: 'nft-table', family: 'ip', name: TABLE };
const hosts: NftObject = { kind: 'nft-set', ...place, name: 'hosts', type: ['ipv4_addr'] };
const ports: NftObject = { kind: 'nft-set', ...place, name: 'ports', type: ['inet_service'], map: ['verdict'] };
const places: NftObject = {
  kind: 'nft-set',
  ...place,
  name: 'places',
  type: ['ipv4_addr', 'inet_service'],
  map: ['ipv4_addr', 'inet_service'],
};
const published: NftChainObject = {
  kind: 'nft-chain',
  ...place,
  name: 'published',
  rules: [{ statements: [{ accept: null }], comment: 'c-accept' }],
};
const forward: NftChainObject = {
  kind: 'nft-chain',
  ...place,
  name: 'forward',
  base: { type: 'filter', hook: 'forward', priority: 0, policy: 'accept' },
  rules: [
    {
      statements: [{ vmap: { key: { payload: { protocol: 'tcp', field: 'dport' } }, data: '@ports' } }],
      comment: 'c-ports',
    },
    looksInto('hosts'),
  ],
};
const port: NftElementObject = { kind: 'nft-element', ...place, set: 'ports', key: [80], verdict: 'goto published' };
const host: NftElementObject = { kind: 'nft-element', ...place, set: 'hosts', key: ['192.0.2.7'] };
const translation: NftElementObject = {
  kind: 'nft-element',
  ...place,
  set: 'places',
  key: ['198.51.100.1', 8080],
  value: ['10.1.0.2', 80],
};

/** A table with all kinds of things in it, each after what it needs. */
const OWN_TABLE: readonly NftObject[] = [table, hosts, ports, places, published, forward, port, host, translation];

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
      await kernel.apply([remove(veth), remove(namespace), remove(table)]);
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

    // iptables tells no error of the kernel's, but its own exit status.
    test.each<{ what: string; step: Step<KernelObject>; code?: string }>([
      { what: 'an address on a link that is missing', step: add({ ...gateway, link: 'missing' }), code: 'ENODEV' },
      { what: 'a name that is taken', step: add({ ...bridge, mac: '02:42:0a:00:00:07' }), code: 'EEXIST' },
      { what: 'a name that no link can have', step: add({ ...bridge, name: 'a/b' }), code: 'EINVAL' },
      { what: 'a peer whose name is taken', step: add({ ...veth, name: 'vethd' }), code: 'EEXIST' },
      {
        what: 'a port of a bridge that is missing',
        step: add({ ...veth, name: 'vethd', master: 'missing' }),
        code: 'ENODEV',
      },
      { what: 'a child of a link that is missing', step: add({ ...macvlan, parent: 'missing' }), code: 'ENODEV' },
      { what: 'a namespace that is there', step: add(namespace), code: 'EEXIST' },
      {
        what: 'a link in a sandbox that is missing',
        step: add({ ...loopback, namespace: 'c-missing' }),
        code: 'ENOENT',
      },
      { what: 'an address that is there', step: add(gateway), code: 'EEXIST' },
      { what: 'a route that is there', step: add(defaultRoute), code: 'EEXIST' },
      { what: 'a route over a link that is missing', step: add({ ...linkRoute, link: 'missing' }), code: 'ENODEV' },
      {
        what: 'a way that no link leads to',
        step: add({ ...defaultRoute, to: '10.8.0.0/16', via: '192.0.2.1' }),
        code: 'ENETUNREACH',
      },
      {
        what: 'a way that no link leads to, of IPv6',
        step: add({ ...defaultRoute, family: 'ip6', to: 'fd00:8::/64', via: 'fd00:9::1' }),
        code: 'EHOSTUNREACH',
      },
      {
        what: 'a setting that the kernel does not know',
        step: add({ ...forwarding, name: 'net/ipv4/c_missing' }),
        code: 'ENOENT',
      },
      { what: 'a value that the kernel refuses', step: add({ ...forwarding, value: 'c' }), code: 'EINVAL' },
      { what: 'a chain that is there', step: add(chain) },
      { what: 'a jump to a chain that is missing', step: add(rule([], { kind: 'jump', chain: 'C-MISSING' })) },
    ])('refused, with the words of the kernel: $what', async ({ step, code }) => {
      await kernel.apply(SCENE.map(add));
      const before = await state();
      const error = await refusal([
        add({ ...bridge, name: 'br-new', mac: '02:42:0a:00:00:08' }),
        step,
        add(rule([], { kind: 'accept' })),
      ]);
      expect(error.step).toBe(step);
      expect(error.message).toContain(key(step.object));
      if (code === undefined) expect(error.code).not.toBe('');
      else expect(error.code).toBe(code);
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

    test('jumps at the head of a chain are put before what comes there, and are there once', async () => {
      const target: KernelObject = { ...chain, name: 'C-TARGET' } as KernelObject;
      const other: KernelObject = { ...chain, name: 'C-OTHER' } as KernelObject;
      const to = (name: string, index: number) =>
        rule([], { kind: 'jump', chain: name }, { section: 'first', sequence: 0, index }, { chain: 'C-OWN' });
      const jumps = [to('C-TARGET', 0), to('C-OTHER', 1)];
      const moves = jumps.map((object) => change(object, object));
      const head = (link: string, sequence: number) => own(link, { section: 'head', sequence, index: 0 });
      const order = async () =>
        (await observe()).flatMap((object) => {
          if (object.kind !== 'rule' || object.rule.chain !== 'C-OWN') return [];
          const { target: its, matches } = object.rule;
          return its.kind === 'jump' ? [its.chain] : matches.map((match) => ('link' in match ? match.link : ''));
        });
      await kernel.apply([chain, target, other, ...jumps].map(add));
      await kernel.apply([add(head('h1', 1)), ...moves]);
      await kernel.apply([...moves, add(head('h2', 2))]);
      expect(await order()).toEqual(['C-TARGET', 'C-OTHER', 'h2', 'h1']);
      // Somebody else has deleted one: it is there again.
      await kernel.apply([remove(jumps[0]!)]);
      await kernel.apply([add(head('h3', 3)), ...moves]);
      expect(await order()).toEqual(['C-TARGET', 'C-OTHER', 'h3', 'h2', 'h1']);
      // What is refused leaves them as they were.
      await refusal([...moves, add(rule([], { kind: 'jump', chain: 'C-NOWHERE' }, HEAD, { chain: 'C-OWN' }))]);
      expect(await order()).toEqual(['C-TARGET', 'C-OTHER', 'h3', 'h2', 'h1']);
      await kernel.apply([remove(chain), remove(target), remove(other)]);
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

    test('a chain that rules lead to stays; it goes together with them', async () => {
      await kernel.apply([chain, jump].map(add));
      const step = remove(chain);
      expect((await refusal([step])).step).toBe(step);
      await expectThere(chain);
      await kernel.apply([remove(chain), remove(jump)]);
      await expectGone(chain, jump);
    });

    test('a removed bridge frees its ports', async () => {
      await kernel.apply(SCENE.map(add));
      await kernel.apply([remove(bridge, [gateway])]);
      await expectGone(bridge, gateway);
      expect(await found(veth)).not.toHaveProperty('master');
    });

    test('a link that goes down loses its routes and its IPv6 addresses, not its IPv4 addresses', async () => {
      const address6: KernelObject = { ...gateway, address: 'fd00:1::1/64', nodad: true };
      const route: KernelObject = { ...linkRoute, namespace: 'host', link: 'br-c' };
      const { broadcast: _, ...plain } = address6;
      await kernel.apply([bridge, gateway, plain, route].map(add));
      await expectThere(gateway, plain, route);
      await kernel.apply([change(bridge, { ...bridge, up: false })]);
      await expectThere(gateway);
      await expectGone(plain, route);
    });

    test('where IPv6 is off there is no IPv6 address; turning it off takes addresses away', async () => {
      const disable = (link: string, value: string): KernelObject => ({
        kind: 'sysctl',
        namespace: SANDBOX,
        name: `net/ipv6/conf/${link}/disable_ipv6`,
        value,
      });
      await kernel.apply([namespace, bridge, disable('all', '1'), veth].map(add));
      expect((await refusal([add(inside6)])).code).toBe('EACCES');
      await kernel.apply([disable('eth0', '0'), inside6].map(add));
      await expectThere(inside6, disable('all', '1'), disable('eth0', '0'));
      await kernel.apply([add(disable('all', '0')), add(disable('all', '1'))]);
      await expectGone(inside6);
    });

    test('nftables: a transaction is done whatever the order of its steps, and a table takes all along', async () => {
      await kernel.apply(OWN_TABLE.toReversed().map(add));
      await expectThere(...OWN_TABLE);
      await kernel.apply([remove(port), remove(translation), remove(host)]);
      await expectGone(port, translation, host);
      await kernel.apply([remove(table)]);
      await expectGone(...OWN_TABLE);
      // What has gone already is no error.
      await kernel.apply([remove(forward), remove(hosts), remove(table)]);
    });

    test('nftables: a chain is written anew, an element leads elsewhere', async () => {
      await kernel.apply(OWN_TABLE.map(add));
      const open = { ...published, rules: [{ statements: [{ drop: null }], comment: 'c-drop' }] };
      const elsewhere = { ...port, verdict: 'drop' };
      await kernel.apply([change(published, open), change(port, elsewhere)]);
      await expectThere(open, elsewhere);
    });

    test.each<{ what: string; steps: readonly Step<KernelObject>[]; code: string }>([
      { what: 'a table that is there', steps: [add(table)], code: 'EEXIST' },
      { what: 'a set that is there', steps: [add(hosts)], code: 'EEXIST' },
      { what: 'an element that is there', steps: [add(host)], code: 'EEXIST' },
      { what: 'an element of a set that is missing', steps: [add({ ...host, set: 'none' })], code: 'ENOENT' },
      {
        what: 'an element that leads nowhere',
        steps: [add({ ...port, key: [81], verdict: 'jump none' })],
        code: 'ENOENT',
      },
      {
        what: 'a chain whose rule looks into no set',
        steps: [change(forward, { ...forward, rules: [looksInto('none')] })],
        code: 'ENOENT',
      },
      { what: 'removing a chain that an element leads to', steps: [remove(published)], code: 'EBUSY' },
      { what: 'removing a set that a rule looks into', steps: [remove(ports)], code: 'EBUSY' },
    ])('nftables refuses $what, and nothing has changed', async ({ steps, code }) => {
      await kernel.apply(OWN_TABLE.map(add));
      const before = await state();
      const error = await refusal([add(bridge), ...steps]);
      expect(error.code).toBe(code);
      expect(await state()).toEqual(before);
      await expectThere(...OWN_TABLE);
    });

    test('of nftables only the own tables are told', async () => {
      const other: NftTableObject = { ...table, name: 'c-other' };
      await kernel.apply([table, other].map(add));
      await expectThere(table);
      await expectGone(other);
      await kernel.apply([remove(other)]);
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
      const foreign: Notice[] = [];
      const watch = kernel.watch('host', (notice) => {
        changes += 1;
        if (notice.foreign) foreign.push(notice);
      });
      const told = async (steps: readonly Step<KernelObject>[]) => {
        const before = changes;
        await kernel.apply(steps);
        await expect.poll(() => changes, { timeout: 3000 }).toBeGreaterThan(before);
      };
      await told([add(bridge)]);
      await told([add(gateway)]);
      await told([add({ ...linkRoute, namespace: 'host', link: 'br-c' })]);
      await told([add(masquerade)]);
      // Links learn of their carriers, and take addresses of their own, later.
      await told([namespace, veth, inside].map(add));
      await told([remove(veth), remove(masquerade)]);
      watch.close();
      expect(foreign).toEqual([]);
      await kernel.observe({ sandboxes: [] });
      const before = changes;
      await kernel.apply([remove(bridge)]);
      await kernel.observe({ sandboxes: [] });
      expect(changes).toBe(before);
    });

    test('who watches has been told of what changed when that is asked for', async () => {
      let changes = 0;
      const watch = kernel.watch('host', () => (changes += 1));
      await kernel.heard();
      await kernel.apply([add(bridge)]);
      await kernel.heard();
      expect(changes).toBeGreaterThan(0);
      const before = changes;
      await kernel.apply([add(gateway)]);
      await kernel.heard();
      expect(changes).toBeGreaterThan(before);
      watch.close();
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
