/** The objects of nftables, on the real one. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { endpointObjects, engineObjects, networkObjects } from '../../src/core/drivers/drivers.ts';
import { KernelError } from '../../src/core/engine/kernel.ts';
import { isFirewall } from '../../src/core/firewall/layout.ts';
import { network, OPTIONS, place } from '../../src/core/firewall/records.fixture.ts';
import { isNftObject } from '../../src/core/firewall/nftables/transaction.ts';
import { fits } from '../../src/core/plan/compare.ts';
import { difference } from '../../src/core/plan/difference.ts';
import { key } from '../../src/core/plan/key.ts';
import type { Desired, KernelObject, NftObject } from '../../src/core/plan/object.ts';
import { repair } from '../../src/core/plan/repair.ts';
import type { Step } from '../../src/core/plan/step.ts';
import { LinuxKernel } from '../../src/linux/kernel.ts';
import { createNamespace, removeNamespace } from '../../src/linux/namespace.ts';
import { bundleWorker } from './worker.ts';

const directory = mkdtempSync(join(tmpdir(), 'n-tables-'));
const host = join(directory, 'n-host');
const PATH = process.env['PATH'];
let worker: URL;
let kernel: LinuxKernel;

beforeAll(async () => {
  worker = await bundleWorker();
});
beforeEach(() => {
  createNamespace(host);
  // The worker finds no program: whatever it does, it does without a process.
  process.env['PATH'] = '';
  kernel = new LinuxKernel({ runDirectory: directory, hostNamespace: host, worker });
  process.env['PATH'] = PATH;
});
afterEach(async () => {
  await kernel.close();
  removeNamespace(host);
});
afterAll(() => rmSync(directory, { recursive: true }));

const NFT = { ...OPTIONS, backend: 'nftables', ip6tables: true, allowDirectRouting: false } as const;
const N = network('net-test', 2, {
  subnets: [
    { subnet: '172.18.0.0/16', gateway: '172.18.0.1' },
    { subnet: 'fd00:1::/64', gateway: 'fd00:1::1' },
  ],
});
const M = network('other', 3, { internal: true });
const C1 = place('c1', N, '172.18.0.2/16', ['8080:80', '[::]:8080:80', '127.0.0.1:53:53/udp', '5000:5000/sctp'], {
  ipv6: 'fd00:1::2/64',
});
const firewall = (objects: readonly Desired[]) => objects.filter((object) => isNftObject(object));
const ENGINE = firewall(engineObjects(NFT));
const ALL = [ENGINE, networkObjects(N, NFT), networkObjects(M, NFT), endpointObjects(C1, NFT)].flatMap(firewall);

const steps = (before: readonly Desired[], after: readonly Desired[]) =>
  difference(before, after) as Step<KernelObject>[];
const observe = async () =>
  (await kernel.observe({ sandboxes: [] })).filter((object): object is NftObject => isFirewall(object, 'nftables'));
const keys = async () => (await observe()).map((object) => key(object)).sort();
const nft = (...args: readonly string[]) =>
  execFileSync('nsenter', [`--net=${host}`, 'nft', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const refusal = async (its: readonly Step<KernelObject>[]): Promise<KernelError> => {
  const error: unknown = await kernel.apply(its).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KernelError);
  return error as KernelError;
};

test('everything is made, seen as it was asked for, and removed', async () => {
  await kernel.apply(steps([], ALL));
  const seen = new Map((await observe()).map((object) => [key(object), object]));
  expect([...seen.keys()].sort()).toEqual(ALL.map((object) => key(object)).sort());
  for (const object of ALL) expect(fits(seen.get(key(object))!, object), key(object)).toBe(true);
  expect(repair(await observe(), ALL)).toEqual([]);
  await kernel.apply(steps(ALL, ENGINE));
  expect(await keys()).toEqual(ENGINE.map((object) => key(object)).sort());
  await kernel.apply(steps(ENGINE, []));
  expect(nft('list', 'ruleset')).toBe('');
});

test('nft lists what the layout means', async () => {
  // One element a set: of several, nft lists them in an order of chance.
  const where = place('c1', N, '172.18.0.2/16', ['8080:80']);
  await kernel.apply(steps([], [ENGINE, networkObjects(N, NFT), endpointObjects(where, NFT)].flatMap(firewall)));
  expect(nft('list', 'table', 'ip', 'passerelle')).toMatchInlineSnapshot(`
    "table ip passerelle {
    	set bridges {
    		type ifname
    		elements = { "net-test" }
    	}

    	set internal {
    		type ifname
    	}

    	set talking {
    		type ifname . ifname
    		elements = { "net-test" . "net-test" }
    	}

    	set linked {
    		type ipv4_addr . ipv4_addr . inet_proto . inet_service
    	}

    	set published {
    		type ipv4_addr . inet_proto . inet_service
    		elements = { 172.18.0.2 . tcp . 80 }
    	}

    	map entering {
    		type ifname : verdict
    		elements = { "net-test" : goto published }
    	}

    	map ports {
    		type inet_proto . inet_service : ipv4_addr . inet_service
    		elements = { tcp . 8080 : 172.18.0.2 . 80 }
    	}

    	map ports-at {
    		type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
    	}

    	set masqueraded {
    		type ifname
    		elements = { "net-test" }
    	}

    	map sources {
    		type ifname : ipv4_addr
    	}

    	set hairpins {
    		type ipv4_addr . ipv4_addr
    		elements = { 172.18.0.2 . 172.18.0.2 }
    	}

    	set protected {
    		type ipv4_addr
    		elements = { 172.18.0.2 }
    	}

    	set doors {
    		type ipv4_addr . ifname
    		elements = { 172.18.0.2 . "net-test" }
    	}

    	set loopback-ports {
    		type ipv4_addr . inet_proto . inet_service
    	}

    	chain user {
    	}

    	chain published {
    		ip daddr . meta l4proto . th dport @published accept comment "d2dd9f2c"
    		drop comment "1b3e3929"
    	}

    	chain routed {
    		meta l4proto icmp accept comment "3f4d0f22"
    		jump published comment "0c142800"
    	}

    	chain forward {
    		type filter hook forward priority filter; policy accept;
    		jump user comment "385941c3"
    		ct state established,related accept comment "978c27d0"
    		iifname . oifname @talking accept comment "3bb5e1cd"
    		ip saddr . ip daddr . meta l4proto . th dport @linked accept comment "eef17f5a"
    		iifname @internal drop comment "74b93ab0"
    		oifname @internal drop comment "3e5602ca"
    		iifname @bridges oifname @bridges ct status ! dnat drop comment "dc26529e"
    		oifname vmap @entering comment "efb1d961"
    		iifname @bridges accept comment "4a1803c2"
    	}

    	chain publish {
    		dnat ip to ip daddr . meta l4proto . th dport map @ports-at comment "86f53458"
    		dnat ip to meta l4proto . th dport map @ports comment "6265a4b6"
    	}

    	chain prerouting {
    		type nat hook prerouting priority dstnat; policy accept;
    		iifname @bridges return comment "87f7977c"
    		fib daddr type local jump publish comment "80e595d7"
    	}

    	chain output {
    		type nat hook output priority -100; policy accept;
    		ip daddr != 127.0.0.0/8 fib daddr type local jump publish comment "7b3f7552"
    	}

    	chain postrouting {
    		type nat hook postrouting priority srcnat; policy accept;
    		ip saddr . ip daddr @hairpins masquerade comment "003f6002"
    		iifname @bridges oifname @bridges ct status dnat masquerade comment "218b3f8d"
    		oifname @bridges return comment "96e4cb8a"
    		snat to iifname map @sources comment "77477058"
    		iifname @masqueraded masquerade comment "bb81b3b8"
    	}

    	chain raw {
    		type filter hook prerouting priority raw; policy accept;
    		iifname != "lo" ip daddr . meta l4proto . th dport @loopback-ports drop comment "29ff2ac4"
    		ip daddr @protected ip daddr . iifname != @doors drop comment "5e7db995"
    	}
    }
    "
  `);
});

test('elements alone, told to the kernel without the library, are what it would have made of them', async () => {
  // A link may bear the name of a protocol or an address.
  const trusting = { bridge: { trustedInterfaces: ['tcp', '10.0.0.1', 'fifteen-letters'], hostIpv4: '192.0.2.1' } };
  const where = place('c2', network('udp', 4, trusting), '172.19.0.2/16', ['192.0.2.9:1:65535/sctp', '65535:1/udp']);
  const elements = [...ALL, ...firewall(networkObjects(where.network, NFT)), ...firewall(endpointObjects(where, NFT))];
  await kernel.apply(steps([], ENGINE));
  await kernel.apply(steps(ENGINE, elements));
  expect(repair(await observe(), elements)).toEqual([]);
  await kernel.apply(steps(elements, ENGINE));
  expect(repair(await observe(), ENGINE)).toEqual([]);
});

test('a set that somebody made anew, of another type, is written as it is now', async () => {
  const { owner } = ENGINE[0]!;
  const adding = (value: string): Step<KernelObject>[] => [
    {
      op: 'add',
      object: { kind: 'nft-element', family: 'ip', table: 'passerelle', set: 'other', key: [value], owner, why: '' },
    },
  ];
  nft('add', 'table', 'ip', 'passerelle');
  nft('add', 'set', 'ip', 'passerelle', 'other', '{ type ifname ; }');
  await kernel.apply(adding('lo'));
  nft('delete', 'set', 'ip', 'passerelle', 'other');
  nft('add', 'set', 'ip', 'passerelle', 'other', '{ type ipv4_addr ; flags interval ; }');
  await kernel.apply(adding('192.0.2.1'));
  expect(nft('list', 'set', 'ip', 'passerelle', 'other')).toContain('elements = { 192.0.2.1 }');
  expect((await refusal(adding('nonsense'))).message).toMatch(/nft-element.*nonsense/);
});

test('only kinds that are asked for are told', async () => {
  await kernel.apply(steps([], ALL));
  const chains = await kernel.observe({ sandboxes: [], kinds: ['nft-chain'] });
  expect(new Set(chains.map(({ kind }) => kind))).toEqual(new Set(['nft-chain']));
  expect(await kernel.observe({ sandboxes: [], kinds: ['namespace'] })).toEqual([]);
});

test('a change is seen as a whole or not at all', async () => {
  await kernel.apply(steps([], [...ENGINE, ...firewall(networkObjects(N, NFT))]));
  const before = await keys();
  const its = steps(ENGINE, [...ENGINE, ...firewall(endpointObjects(C1, NFT))]);
  const taken = its.at(-1)!;
  await kernel.apply([taken]);
  const error = await refusal(its);
  expect(error.step).toBe(taken);
  expect(error.message).toContain(key(taken.object));
  expect(error.message).toContain('File exists');
  expect(error.code).toBe('EEXIST');
  await kernel.apply([{ op: 'remove', object: taken.object }]);
  expect(await keys()).toEqual(before);
});

test('what another step refuses takes the tables back too', async () => {
  const bridge = {
    kind: 'address',
    namespace: 'host',
    link: 'missing',
    address: '10.0.0.1/8',
    owner: ENGINE[0]!.owner,
    why: 'The test asks for it.',
  } as const;
  await refusal([...steps([], ALL), { op: 'add', object: bridge }]);
  expect(await keys()).toEqual([]);
  await kernel.apply(steps([], ALL));
  const before = await keys();
  await refusal([...steps(ALL, ENGINE), { op: 'add', object: bridge }]);
  expect(await keys()).toEqual(before);
  await refusal([...steps(ALL, []), { op: 'add', object: bridge }]);
  expect(await keys()).toEqual(before);
  expect(repair(await observe(), ALL)).toEqual([]);
});

describe('what is gone', () => {
  test('needs no removing', async () => {
    await kernel.apply(steps([], ENGINE));
    await kernel.apply(steps(ALL, ENGINE));
    await kernel.apply(steps(ENGINE, []));
    await kernel.apply(steps(ENGINE, []));
    expect(await keys()).toEqual([]);
  });

  test('comes back when it is changed', async () => {
    await kernel.apply(steps([], ENGINE));
    const moved = place('c1', N, '172.18.0.2/16', ['8080:8000'], { ipv6: 'fd00:1::2/64' });
    const after = [...ENGINE, ...firewall(endpointObjects(moved, NFT))];
    await kernel.apply(steps([...ENGINE, ...firewall(endpointObjects(C1, NFT))], after));
    expect(await keys()).toEqual(expect.arrayContaining(['nft-element ip passerelle ports tcp . 8080']));
  });
});

test('what somebody damaged is repaired, what users wrote stays', async () => {
  await kernel.apply(steps([], ALL));
  nft('add', 'rule', 'ip', 'passerelle', 'user', 'ip', 'saddr', '192.0.2.0/24', 'drop');
  nft('insert', 'rule', 'ip', 'passerelle', 'forward', 'accept');
  nft('flush', 'chain', 'ip', 'passerelle', 'publish');
  nft('delete', 'element', 'ip', 'passerelle', 'bridges', '{ "net-test" }');
  nft('add', 'element', 'ip', 'passerelle', 'published', '{ 172.18.0.9 . tcp . 22 }');
  nft('delete', 'element', 'ip', 'passerelle', 'ports', '{ tcp . 8080 }');
  nft('add', 'element', 'ip', 'passerelle', 'ports', '{ tcp . 8080 : 172.18.0.66 . 80 }');
  nft('delete', 'table', 'ip6', 'passerelle');
  const found = repair(await observe(), ALL);
  const ofIpv4 = found.filter(({ object }) => 'family' in object && object.family === 'ip');
  expect(ofIpv4.map(({ op, object }) => `${op} ${key(object)}`).sort()).toEqual([
    'add nft-element ip passerelle bridges net-test',
    'change nft-chain ip passerelle forward',
    'change nft-chain ip passerelle publish',
    'change nft-element ip passerelle ports tcp . 8080',
    'remove nft-element ip passerelle published 172.18.0.9 . tcp . 22',
  ]);
  await kernel.apply(found);
  expect(repair(await observe(), ALL)).toEqual([]);
  expect(nft('list', 'chain', 'ip', 'passerelle', 'user')).toContain('ip saddr 192.0.2.0/24 drop');
});

test('1,000 ports are one change', async () => {
  await kernel.apply(steps([], ENGINE));
  const many = place(
    'c1',
    N,
    '172.18.0.2/16',
    Array.from({ length: 1000 }, (_, index) => `${20_000 + index}:${index + 1}`),
  );
  const after = [...ENGINE, ...firewall(endpointObjects(many, NFT))];
  await kernel.apply(steps(ENGINE, after));
  expect((await observe()).filter((object) => object.kind === 'nft-element')).toHaveLength(2003);
  await kernel.apply(steps(after, ENGINE));
  expect(await keys()).toEqual(ENGINE.map((object) => key(object)).sort());
});
