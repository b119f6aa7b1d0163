import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Notice } from '../../src/core/engine/kernel.ts';
import { kernelContract } from '../../src/core/engine/kernel.contract.ts';
import type { KernelObject } from '../../src/core/plan/object.ts';
import type { Step } from '../../src/core/plan/step.ts';
import { LinuxKernel } from '../../src/linux/kernel.ts';
import { createNamespace, removeNamespace, withNamespace } from '../../src/linux/namespace.ts';
import { bundleWorker } from './worker.ts';

const run = mkdtempSync(join(tmpdir(), 'c-kernel-'));
const hosts: string[] = [];
let worker: URL;

/** A kernel whose host is a namespace of its own: nothing of the machine's is touched. */
async function make(): Promise<LinuxKernel> {
  const runDirectory = join(run, `c-run-${hosts.length}`);
  const hostNamespace = join(run, `c-host-${hosts.length}`);
  createNamespace(hostNamespace);
  hosts.push(hostNamespace);
  return new LinuxKernel({ runDirectory, hostNamespace, worker });
}

beforeAll(async () => {
  worker = await bundleWorker();
});

afterAll(() => {
  for (const host of hosts) removeNamespace(host);
  rmSync(run, { recursive: true });
});

kernelContract('LinuxKernel', make);

const step = (op: 'add' | 'remove', object: KernelObject): Step<KernelObject> => ({
  op,
  object: { ...object, owner: { kind: 'engine', id: 'test', name: 'test' }, why: 'The test asks for it.' },
});

const SANDBOX: KernelObject = { kind: 'namespace', id: 'c-sandbox' };
const GATEWAY = {
  kind: 'address',
  namespace: 'host',
  link: 'br-c',
  address: '10.1.0.1/16',
  broadcast: '10.1.255.255',
} as const;
const ROUTE = {
  kind: 'route',
  namespace: 'c-sandbox',
  family: 'ip',
  to: 'default',
  via: '10.1.0.1',
  link: 'eth0',
} as const;

/** One container's place on a bridge. */
const ENDPOINT: readonly KernelObject[] = [
  { kind: 'link', type: 'bridge', namespace: 'host', name: 'br-c', mac: '02:42:0a:01:00:01', up: true },
  GATEWAY,
  { kind: 'sysctl', namespace: 'host', name: 'net/ipv4/ip_forward', value: '1' },
  SANDBOX,
  { kind: 'link', type: 'loopback', namespace: 'c-sandbox', name: 'lo', up: true },
  {
    kind: 'link',
    type: 'veth',
    namespace: 'host',
    name: 'vethc',
    mtu: 1400,
    master: 'br-c',
    hairpin: true,
    up: true,
    peer: { namespace: 'c-sandbox', name: 'eth0', mac: '02:42:0a:01:00:02' },
  },
  { ...GATEWAY, namespace: 'c-sandbox', link: 'eth0', address: '10.1.0.2/16' },
  { kind: 'address', namespace: 'c-sandbox', link: 'eth0', address: 'fd00:1::2/64', nodad: true },
  ROUTE,
  { ...ROUTE, family: 'ip6', via: 'fd00:1::1' },
];

const CHAIN = { kind: 'chain', family: 'ip', table: 'filter', name: 'C-OWN' } as const;
const RULES: readonly KernelObject[] = [
  {
    kind: 'rule',
    position: { section: 'head', sequence: 1, index: 0 },
    rule: {
      family: 'ip',
      table: 'nat',
      chain: 'POSTROUTING',
      matches: [
        { kind: 'source', prefix: '10.1.0.0/16' },
        { kind: 'out', link: 'br-c', not: true },
      ],
      target: { kind: 'masquerade' },
    },
  },
  CHAIN,
  {
    kind: 'rule',
    position: { section: 'head', sequence: 1, index: 0 },
    rule: { family: 'ip', table: 'filter', chain: 'FORWARD', matches: [], target: { kind: 'jump', chain: 'C-OWN' } },
  },
  {
    kind: 'rule',
    position: { section: 'tail', sequence: 1, index: 0 },
    rule: {
      family: 'ip',
      table: 'filter',
      chain: 'FORWARD',
      matches: [
        { kind: 'in', link: 'br-c' },
        { kind: 'out', link: 'br-c', not: true },
      ],
      target: { kind: 'accept' },
    },
  },
];

// What the contract sees through the port itself is checked here with other tools.
describe('as other tools see it', () => {
  let kernel: LinuxKernel;
  let host: string;

  beforeEach(async () => {
    kernel = await make();
    host = hosts.at(-1)!;
  });

  afterEach(async () => {
    await kernel.apply([step('remove', SANDBOX)]);
    await kernel.close();
  });

  const run = (path: string, ...command: readonly string[]) =>
    execFileSync('nsenter', [`--net=${path}`, ...command], { encoding: 'utf8' });
  const onHost = (...command: readonly string[]) => run(host, ...command);
  const inside = (...command: readonly string[]) => run(kernel.namespacePath('c-sandbox'), ...command);
  const attach = () => kernel.apply(ENDPOINT.map((object) => step('add', object)));

  test('links, addresses, routes and settings are what was asked for', async () => {
    await attach();
    expect(JSON.parse(onHost('ip', '-j', '-d', 'link', 'show', 'vethc'))).toMatchObject([
      {
        master: 'br-c',
        mtu: 1400,
        operstate: 'UP',
        linkinfo: { info_kind: 'veth', info_slave_data: { hairpin: true } },
      },
    ]);
    expect(JSON.parse(onHost('ip', '-j', '-4', 'address', 'show', 'br-c'))).toMatchObject([
      {
        addr_info: [{ local: '10.1.0.1', prefixlen: 16, broadcast: '10.1.255.255', scope: 'global' }],
      },
    ]);
    expect(JSON.parse(onHost('ip', '-j', 'link', 'show', 'br-c'))).toMatchObject([{ address: '02:42:0a:01:00:01' }]);
    const eth0 = JSON.parse(inside('ip', '-j', 'address', 'show', 'eth0')) as { addr_info: { local: string }[] }[];
    expect(eth0).toMatchObject([{ operstate: 'UP', mtu: 1400, address: '02:42:0a:01:00:02' }]);
    expect(eth0[0]!.addr_info).toContainEqual(
      expect.objectContaining({ local: '10.1.0.2', broadcast: '10.1.255.255' }),
    );
    expect(eth0[0]!.addr_info).toContainEqual(expect.objectContaining({ local: 'fd00:1::2', nodad: true }));
    expect(inside('ip', 'route')).toBe(
      'default via 10.1.0.1 dev eth0 \n10.1.0.0/16 dev eth0 proto kernel scope link src 10.1.0.2 \n',
    );
    expect(inside('ip', '-6', 'route')).toContain('default via fd00:1::1 dev eth0');
    inside('busybox', 'ping', '-c1', '-W2', '10.1.0.1');
    inside('busybox', 'ping', '-c1', '-W2', '127.0.0.1');
    expect(withNamespace(host, () => readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'))).toBe('1\n');
  });

  test('rules of other programs stay, and stand where they stood', async () => {
    onHost('iptables', '-A', 'FORWARD', '-i', 'foreign', '-j', 'DROP');
    await kernel.apply(RULES.map((object) => step('add', object)));
    const rules = () =>
      ['filter', 'nat'].flatMap((table) =>
        onHost('iptables-save', '-t', table)
          .split('\n')
          .filter((line) => line.startsWith('-A')),
      );
    expect(rules()).toEqual([
      '-A FORWARD -j C-OWN',
      '-A FORWARD -i foreign -j DROP',
      '-A FORWARD -i br-c ! -o br-c -j ACCEPT',
      '-A POSTROUTING -s 10.1.0.0/16 ! -o br-c -j MASQUERADE',
    ]);
    await kernel.apply(RULES.toReversed().map((object) => step('remove', object)));
    expect(rules()).toEqual(['-A FORWARD -i foreign -j DROP']);
  });

  test("the message has the kernel's own words, and its explanation where it gives one", async () => {
    await attach();
    const apply = (object: KernelObject) => kernel.apply([step('add', object)]);
    await expect(apply({ ...GATEWAY, link: 'missing' })).rejects.toThrow(
      'add address host missing 10.1.0.1/16: No such device',
    );
    await expect(apply({ ...ROUTE, to: '10.8.0.0/16', via: '192.0.2.1' })).rejects.toMatchObject({
      message: 'add route c-sandbox ip 10.8.0.0/16: Network is unreachable: Nexthop has invalid gateway',
      code: 'ENETUNREACH',
    });
    await expect(apply({ ...CHAIN, name: 'C-'.repeat(20) })).rejects.toThrow(/too long/);
  });

  test('what could not be taken back is told', async () => {
    await attach();
    const bridge: KernelObject = { kind: 'link', type: 'bridge', namespace: 'host', name: 'br-d', up: true };
    const removal = step('remove', bridge);
    onHost('ip', 'link', 'add', 'br-d', 'type', 'bridge');
    // Its undo would give it a MAC address that no link can have.
    const impossible = { ...removal, object: { ...removal.object, mac: '01:00:00:00:00:00' } } as typeof removal;
    await expect(kernel.apply([impossible, step('add', GATEWAY)])).rejects.toThrow(
      /^add address host br-c 10\.1\.0\.1\/16: File exists.*; remove link host br-d was not taken back: /,
    );
  });

  test('a removed sandbox leaves nothing alive, though it was watched and spoken with', async () => {
    await attach();
    const changes: string[] = [];
    const watch = kernel.watch('c-sandbox', () => changes.push('changed'));
    await kernel.observe({ sandboxes: ['c-sandbox'] });
    await kernel.apply([step('remove', SANDBOX)]);
    // The other end of the pair goes when the kernel ends the namespace, once nobody holds it.
    await expect.poll(() => onHost('ip', '-br', 'link'), { timeout: 5000 }).not.toContain('vethc');
    await expect.poll(() => changes).not.toEqual([]);
    watch.close();
  });

  test.each([
    { what: 'link', command: ['ip', 'link', 'add', 'foreign', 'type', 'bridge'] },
    { what: 'link that goes', command: ['ip', 'link', 'delete', 'vethc'] },
    { what: 'link that goes down', command: ['ip', 'link', 'set', 'br-c', 'down'] },
    { what: 'link with another address', command: ['ip', 'link', 'set', 'br-c', 'address', '02:00:00:00:00:01'] },
    { what: 'port that leaves its bridge', command: ['ip', 'link', 'set', 'vethc', 'nomaster'] },
    { what: 'port in another mode', command: ['bridge', 'link', 'set', 'dev', 'vethc', 'hairpin', 'off'] },
    { what: 'address that goes', command: ['ip', 'address', 'delete', '10.1.0.1/16', 'dev', 'br-c'] },
    { what: 'route', command: ['ip', 'route', 'add', '192.0.2.0/24', 'dev', 'br-c'] },
    { what: 'rule', command: ['iptables', '-t', 'nat', '-A', 'POSTROUTING', '-j', 'MASQUERADE'] },
    { what: 'flush of the rules', command: ['iptables', '-F'] },
    { what: 'setting', command: ['sysctl', '-qw', 'net.ipv4.ip_forward=0'] },
  ])('a watch tells of a foreign change: $what', async ({ command }) => {
    const foreign: Notice[] = [];
    const watch = kernel.watch('host', (notice) => void (notice.foreign && foreign.push(notice)));
    await attach();
    await kernel.apply(RULES.map((object) => step('add', object)));
    await kernel.heard();
    expect(foreign).toEqual([]);
    onHost(...command);
    await kernel.heard();
    expect(foreign.length).toBeGreaterThan(0);
    watch.close();
  });

  test.each([
    { what: 'address', command: ['ip', 'address', 'add', '192.0.2.1/24', 'dev', 'lo'] },
    { what: 'IPv6 address', command: ['ip', 'address', 'add', '2001:db8::1/64', 'dev', 'lo', 'nodad'] },
  ])('a watch tells of a new $what, which is in nobody’s way', async ({ command }) => {
    const notices: Notice[] = [];
    const watch = kernel.watch('host', (notice) => notices.push(notice));
    await kernel.heard();
    onHost(...command);
    await kernel.heard();
    expect(notices.length).toBeGreaterThan(0);
    expect(notices.some(({ foreign }) => foreign)).toBe(false);
    watch.close();
  });

  test('the worker and who asks it to hear do not miss each other', async () => {
    const links: string[] = [];
    const watch = kernel.watch('host', (notice) => links.push(...notice.links));
    await kernel.heard();
    for (let turn = 0; turn < 40; turn++) {
      // Some turns fall together with the worker's own.
      await pause(turn % 7);
      onHost('ip', 'link', 'add', `turn${turn}`, 'type', 'bridge');
      await kernel.heard();
      expect(links).toContain(`turn${turn}`);
    }
    watch.close();
  });

  test('what our own changes bring about by themselves is nobody else’s', async () => {
    const foreign: Notice[] = [];
    const watch = kernel.watch('host', (notice) => void (notice.foreign && foreign.push(notice)));
    await attach();
    await kernel.apply(RULES.map((object) => step('add', object)));
    // Carriers come, and addresses are found to be nobody else's.
    await pause(2500);
    await kernel.apply(ENDPOINT.toReversed().map((object) => step('remove', object)));
    await pause(1000);
    expect(foreign).toEqual([]);
    // The end of a link is told when the change is long done, and of this one when another had its name.
    const [bridge] = ENDPOINT;
    await kernel.apply([step('add', bridge!)]);
    await kernel.apply([step('remove', bridge!)]);
    await kernel.apply([step('add', bridge!)]);
    await pause(500);
    expect(foreign).toEqual([]);
    onHost('ip', 'link', 'delete', 'br-c');
    await kernel.heard();
    expect(foreign).toHaveLength(1);
    watch.close();
  });

  test('a link that the kernel does not remove keeps its address', async () => {
    const [bridge] = ENDPOINT as readonly Extract<KernelObject, { type: 'bridge' }>[];
    const lo = { ...bridge!, name: 'lo' } as const;
    const address = { ...GATEWAY, link: 'lo' };
    await kernel.apply([step('add', address)]);
    const { object } = step('remove', lo);
    const contents = [step('remove', address).object];
    await expect(kernel.apply([{ op: 'remove', object, contents }])).rejects.toThrow(/not supported/);
    expect(onHost('ip', '-4', 'address', 'show', 'lo')).toContain(address.address);
  });

  test('a link that only was to be removed is nobody’s but the one’s who removes it then', async () => {
    const foreign: Notice[] = [];
    const [bridge] = ENDPOINT as readonly Extract<KernelObject, { type: 'bridge' }>[];
    const theirs = { ...bridge!, name: 'br-theirs', foreign: true } as const;
    onHost('ip', 'link', 'add', 'br-theirs', 'type', 'bridge');
    const watch = kernel.watch('host', (notice) => void (notice.foreign && foreign.push(notice)));
    await kernel.apply([step('add', bridge!), step('add', theirs)]);
    await kernel.apply([step('remove', theirs)]);
    // The first step is refused, so that the second is never done.
    const refused = kernel.apply([step('add', { ...GATEWAY, link: 'missing' }), step('remove', bridge!)]);
    await expect(refused).rejects.toThrow('No such device');
    await pause(500);
    for (const link of ['br-theirs', 'br-c']) {
      // One that is down tells of nothing but its end.
      onHost('ip', 'link', 'set', link, 'down');
      await kernel.heard();
      foreign.length = 0;
      onHost('ip', 'link', 'delete', link);
      await kernel.heard();
      expect(foreign.some(({ links }) => links.includes(link))).toBe(true);
    }
    watch.close();
  });

  test('UDP flows are forgotten by the address and port that they were sent to', async () => {
    const flows = [
      ['udp', '192.0.2.1', '192.0.2.9', '53'],
      ['udp', '192.0.2.2', '192.0.2.9', '53'],
      ['udp', '192.0.2.1', '192.0.2.8', '53'],
      ['udp', '192.0.2.1', '192.0.2.9', '54'],
      ['udp', '2001:db8::1', '2001:db8::9', '53'],
      ['tcp', '192.0.2.1', '192.0.2.9', '53'],
    ] as const;
    for (const [protocol, from, to, port] of flows) {
      const state = protocol === 'tcp' ? ['--state', 'ESTABLISHED'] : [];
      const ends = ['-s', from, '-d', to, '--sport', '4000', '--dport', port];
      onHost('conntrack', '-I', '-p', protocol, '-t', '60', ...state, ...ends);
    }
    const left = () =>
      ['ipv4', 'ipv6'].flatMap((family) =>
        onHost('conntrack', '-L', '-f', family)
          .split('\n')
          .flatMap((line) => /^(\w+) .*?dst=(\S+) .*?dport=(\d+)/.exec(line)?.slice(1).join(' ') ?? []),
      );
    expect(await kernel.flushUdpConntrack({ address: '192.0.2.9', port: 53 })).toBe(2);
    expect(left().sort()).toEqual(['tcp 192.0.2.9 53', 'udp 192.0.2.8 53', 'udp 192.0.2.9 54', 'udp 2001:db8::9 53']);
    expect(await kernel.flushUdpConntrack({ address: '', port: 53 })).toBe(2);
    expect(left().sort()).toEqual(['tcp 192.0.2.9 53', 'udp 192.0.2.9 54']);
  });

  test('a new port finds the sandboxes of the one before it', async () => {
    await attach();
    const before = await kernel.observe({ sandboxes: ['c-sandbox'], kinds: ['link', 'route'] });
    await kernel.close();
    kernel = new LinuxKernel({ runDirectory: join(kernel.namespacePath(''), '..'), hostNamespace: host, worker });
    expect(await kernel.observe({ sandboxes: ['c-sandbox'], kinds: ['link', 'route'] })).toEqual(before);
  });

  test('a worker that cannot start refuses every request', async () => {
    const lost = new LinuxKernel({ runDirectory: host, hostNamespace: `${host}-missing`, worker });
    await expect(lost.observe({ sandboxes: [] })).rejects.toThrow('ENOENT');
    await lost.close();
  });
});
