/** Explain, plan, doctor, graph, trace and snapshot on a real host, which is broken on purpose. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOST_ADDRESS, Stage } from '../../scripts/stage.ts';
import { printDot } from '../../src/core/insight/graph/dot.ts';
import type { Graph } from '../../src/core/insight/graph/graph.ts';
import { parseListing } from '../../src/core/firewall/parse.ts';
import { loadBusybox } from '../support/images.ts';
import { runPasserelle, type Outcome } from '../support/passerelle.ts';

let stage: Stage;

const SERVE = 'mkdir -p /w; echo alive > /w/index.html; exec httpd -f -h /w -p';

beforeAll(async () => {
  stage = await Stage.set('passerelle-insight');
  await stage.startDaemon();
  await loadBusybox(stage);
  await stage.docker('network', 'create', '--subnet', '10.60.0.0/24', 'lab');
  await serve('web', '8080:80', '80');
});

afterAll(() => stage.close());

/** A container whose web server listens at that place, published at that port. */
function serve(name: string, published: string, listen: string): Promise<string> {
  const program = `${SERVE} ${listen}`;
  const where = ['--name', name, '--network', 'lab', '-p', published];
  return stage.docker('run', '-d', ...where, 'busybox:1.36', 'sh', '-c', program);
}

const passerelle = (...words: readonly string[]): Promise<Outcome> =>
  runPasserelle(words, stage.directory, { PASSERELLE_HOST: stage.dockerHost });

const onHost = async (command: string): Promise<void> => {
  const { code, stderr } = await stage.onHost('sh', ['-c', command]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
};

/** Whether another machine reaches the published port. */
const answers = async (): Promise<boolean> => {
  const { stdout } = await stage.onWorld('curl', ['-s', '-m', '1', `http://${HOST_ADDRESS}:8080/`]);
  return stdout === 'alive\n';
};

interface Found {
  readonly check: string;
  readonly severity: string;
  readonly what: string;
  readonly proof: readonly string[];
  readonly first: string;
}

const findings = async (...about: readonly string[]): Promise<Found[]> =>
  JSON.parse((await passerelle('doctor', '--json', ...about)).out) as Found[];

/** All that a plan might change. */
const state = async (): Promise<string> => {
  const outputs = await Promise.all(
    [
      ['iptables-save', []],
      ['ip', ['address']],
      ['ip', ['route']],
      ['ss', ['-lntu']],
    ].map(([command, args]) => stage.onHost(command as string, args as string[])),
  );
  const networks = await stage.docker('network', 'ls', '--no-trunc');
  const containers = await stage.docker('ps', '-aq', '--no-trunc');
  return [
    ...outputs.map(({ stdout }) => stdout.replaceAll(/\[\d+:\d+\]|^#.*$|valid_lft .*$|^ +inet6 fe80.*$/gm, '')),
    networks,
    containers,
  ].join('\n');
};

describe('explain', () => {
  test('has a reason for everything that is there, and all that is wanted is there', async () => {
    const entries = JSON.parse((await passerelle('explain', '--json')).out) as {
      state: string;
      text: string;
      owner: { name: string };
      why: string;
    }[];
    expect(entries.filter(({ why }) => why === '')).toEqual([]);
    expect(entries.filter((entry) => !['present', 'foreign'].includes(entry.state))).toEqual([]);
    expect(new Set(entries.filter((entry) => entry.state === 'foreign').map(({ owner }) => owner.name))).toEqual(
      new Set(['the host']),
    );
    const { stdout } = await stage.onHost('iptables-save', []);
    const rules = parseListing(stdout, 'ip').tables.flatMap((table) => table.rules).length;
    expect(entries.filter(({ text }) => /^iptables .* -A /.test(text))).toHaveLength(rules);
  });

  test('tells of a container, a rule, and of pasted rules', async () => {
    expect((await passerelle('explain', '--container', 'web')).out).toContain('The cable between web (its eth0)');
    expect((await passerelle('explain', '--rule', 'nat DOCKER 3')).out).toMatch(
      /nat DOCKER 3: .* Published port: what arrives/,
    );
    const { stdout } = await stage.onHost('iptables-save', []);
    const pasted = await runPasserelle(['explain', '--file', '-'], stage.directory, {}, stdout);
    expect(pasted).toMatchObject({ status: 0, err: '' });
    expect(pasted.out).toMatch(/what arrives at 0.0.0.0:8080\/tcp/);
    expect(pasted.out).not.toContain('unknown owner');
    expect(await passerelle('explain', '--network', 'nowhere')).toMatchObject({ status: 1 });
  });
});

describe('plan', () => {
  test.each([
    [['network', 'create', 'other'], 2, /\d+ to add, 2 to change, 0 to remove/],
    [['network', 'rm', 'host'], 1, undefined],
    [['run', '-p', '9000:90', '--network', 'lab', 'busybox:1.36', 'sleep', '1'], 2, /\+ listener 0\.0\.0\.0:9000\/tcp/],
    [['stop', 'web'], 2, /- network namespace/],
    [['restart', 'web'], 2, /\+ network namespace/],
    [['rm', '-f', 'web'], 2, /0 to add, 0 to change/],
    [['start', 'web'], 0, /^No changes/],
    [['network', 'connect', 'bridge', 'web'], 2, /\+ veth/],
    [['network', 'disconnect', 'lab', 'web'], 2, /- veth/],
    [['network', 'prune'], 0, /^No changes/],
    [['ps'], 1, undefined],
    [['pull', 'busybox'], 1, undefined],
  ])('%j changes nothing', async (words, status, text) => {
    const before = await state();
    const planned = await passerelle('plan', ...words);
    expect(planned.status, planned.err).toBe(status);
    if (text) expect(planned.out).toMatch(text);
    expect(await state()).toBe(before);
  });

  test('a compose project: all of it, then what a change of its file would do, then its end', async () => {
    const file = join(stage.directory, 'plan.yml');
    const write = (port: number): Promise<void> =>
      writeFile(
        file,
        `name: planned
services:
  web: {image: busybox:1.36, command: sleep 1000, ports: ["${port}:80"], depends_on: {db: {condition: service_healthy}}}
  db: {image: busybox:1.36, command: sleep 1000, healthcheck: {test: "true", interval: 100ms}}
`,
      );
    await write(9080);
    const before = await state();
    const up = await passerelle('plan', 'compose', '-f', file, 'up');
    expect(up).toMatchObject({ status: 2, err: '' });
    expect(up.out).toMatch(/\+ bridge br-/);
    expect(up.out.match(/\+ network namespace/g)).toHaveLength(2);
    expect(up.out).toContain('+ listener 0.0.0.0:9080/tcp');
    expect(await state()).toBe(before);

    expect(await passerelle('compose', '-f', file, 'up', '-d')).toMatchObject({ status: 0 });
    expect(await passerelle('compose', '-f', file, 'up', '-d', '--dry-run')).toMatchObject({ status: 0 });
    await write(9081);
    const changed = await passerelle('compose', '-f', file, 'up', '-d', '--dry-run');
    expect(changed.status).toBe(2);
    expect(changed.out).toContain('- listener 0.0.0.0:9080/tcp');
    expect(changed.out).toContain('+ listener 0.0.0.0:9081/tcp');
    expect(changed.out.match(/\+ network namespace/g)).toHaveLength(1);
    const down = await passerelle('plan', 'compose', '-f', file, 'down');
    expect(down.out).toMatch(/- bridge br-/);
    expect(down.out).not.toContain('+ ');
    expect(await passerelle('compose', '-f', file, 'down', '-t', '0')).toMatchObject({ status: 0 });
    expect(await state()).toBe(before);
  });

  test('does what it said', async () => {
    const { out } = await passerelle('plan', '--json', 'network', 'create', '--subnet', '10.61.0.0/24', 'said');
    const { steps } = JSON.parse(out) as { steps: { op: string; object: string }[] };
    const named = (text: string): string => text.replaceAll(/br-[0-9a-f]{12}/g, 'BRIDGE');
    const before = (await stage.onHost('iptables-save', [])).stdout.split('\n');
    await stage.docker('network', 'create', '--subnet', '10.61.0.0/24', 'said');
    const after = (await stage.onHost('iptables-save', [])).stdout.split('\n');
    const added = after.filter((line) => line.startsWith('-A') && !before.includes(line)).map(named);
    const planned = steps
      .filter(({ op, object }) => op === 'add' && object.startsWith('iptables '))
      .map(({ object }) => named(object.replace(/^iptables -t \w+ /, '')));
    expect(added.toSorted()).toEqual(planned.toSorted());
    await stage.docker('network', 'rm', 'said');
  });
});

describe('doctor', () => {
  test('finds nothing on a healthy host', async () => {
    expect(await answers()).toBe(true);
    expect(await passerelle('doctor')).toEqual({
      status: 0,
      out: 'Nothing is wrong that a check knows of.\n',
      err: '',
    });
  });

  test('finds that forwarding is off, before the engine puts it right', async () => {
    await onHost('sysctl -qw net.ipv4.ip_forward=0');
    const found = await findings();
    expect(found.find(({ check }) => check === 'forwarding')).toMatchObject({
      severity: 'error',
      first: 'sysctl -w net.ipv4.ip_forward=1',
    });
    await stage.onHost('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
    expect(await answers()).toBe(true);
  });

  // Each of these keeps other machines from the service, and its first step brings it back.
  test.each([
    ['forward-drops', 'iptables -I DOCKER-USER -i uplink0 -j DROP', "rule of the user's own (DOCKER-USER)", ''],
    [
      'second-base-chain',
      "nft add table inet guard && nft 'add chain inet guard fence { type filter hook forward priority 10; policy drop; }'",
      'inet guard fence',
      'nft delete table inet guard',
    ],
  ])('%s: says what keeps a service from the world, and how to begin', async (check, breaking, what, after) => {
    await onHost(breaking);
    expect(await answers()).toBe(false);
    const found = (await findings()).find((finding) => finding.check === check);
    expect(found).toMatchObject({ severity: 'error', what: expect.stringContaining(what) });
    expect((await passerelle('doctor')).status).toBe(2);
    await stage.onHost('sh', ['-c', found!.first]);
    expect(await answers()).toBe(true);
    if (after) await onHost(after);
    expect(await findings()).toEqual([]);
  });

  test('finds a route that takes a network away', async () => {
    await onHost('ip route add 10.60.0.0/25 dev uplink0');
    expect(await answers()).toBe(false);
    expect(await findings('web')).toMatchObject([{ check: 'overlapping-routes', severity: 'error' }]);
    await onHost('ip route del 10.60.0.0/25 dev uplink0');
  });

  test('finds a program that listens to itself only, and one that does not listen', async () => {
    await serve('shy', '8081:81', '127.0.0.1:81');
    await stage.docker(
      'run',
      '-d',
      '--name',
      'mute',
      '--network',
      'lab',
      '-p',
      '8082:82',
      'busybox:1.36',
      'sleep',
      '600',
    );
    await expect
      .poll(() => findings('shy'))
      .toMatchObject([{ check: 'container-listeners', what: expect.stringContaining('bound to loopback only') }]);
    expect(await findings('8082')).toMatchObject([
      { what: expect.stringContaining('Nobody listens on port 82/tcp in mute') },
    ]);
    expect(await findings('web')).toEqual([]);
    expect(await passerelle('doctor', 'nobody')).toMatchObject({ status: 1, err: expect.stringContaining('nobody') });
    await stage.docker('rm', '-f', 'shy', 'mute');
  });

  test('repairs what is the engine’s own, after showing how', async () => {
    // Half a second after the last foreign change the engine looks by itself: then it is the one that repairs.
    const fixed = async (): Promise<string> => {
      await sleep(1500);
      await onHost('sysctl -qw net.ipv4.ip_forward=0');
      return (await passerelle('doctor', '--fix', '-y')).out;
    };
    await expect
      .poll(fixed, { timeout: 30_000 })
      .toMatch(/~ sysctl net\/ipv4\/ip_forward = 0 -> sysctl net\/ipv4\/ip_forward = 1[^]*Repaired: 1 steps\./);
    expect(await answers()).toBe(true);
    expect((await passerelle('doctor')).status).toBe(0);
  });

  test('says that nobody could look', async () => {
    const lost = await runPasserelle(['doctor'], stage.directory, { PASSERELLE_HOST: 'unix:///nowhere.sock' });
    expect(lost).toMatchObject({ status: 3, err: expect.stringContaining('Cannot connect') });
  });
});

describe('a snapshot', () => {
  const file = 'host.json';

  test('answers the same elsewhere, and bears no secret', async () => {
    await stage.docker(
      'run',
      '-d',
      '--name',
      'secretive',
      '-e',
      'KEY=s3cr3t',
      '-l',
      'note=s3cr3t',
      'busybox:1.36',
      'sh',
      '-c',
      'sleep 600; echo s3cr3t',
    );
    const { out } = await passerelle('snapshot');
    expect(out).not.toContain('s3cr3t');
    await stage.outside('tee', [`${stage.directory}/${file}`], { input: out });
    const elsewhere = (...words: string[]): Promise<Outcome> =>
      runPasserelle([...words, '--snapshot', file], stage.directory, { PASSERELLE_HOST: 'unix:///nowhere.sock' });
    for (const words of [['explain'], ['doctor'], ['graph'], ['trace', '--to', `${HOST_ADDRESS}:8080`]]) {
      expect(await elsewhere(...words)).toEqual(await passerelle(...words));
    }
    expect(await elsewhere('doctor', '--fix')).toMatchObject({ status: 3 });
    await stage.docker('rm', '-f', 'secretive');
  });

  test('is taken by a shell script where there is no daemon of ours to ask', async () => {
    const program = ['busybox:1.36', 'sleep', '600'];
    await stage.docker('run', '-d', '--name', 'agent', '--network', 'host', ...program);
    await stage.docker('run', '-d', '--name', 'sidecar', '--network', 'container:web', ...program);
    const { out: script } = await passerelle('snapshot', '--script');
    const { stdout, stderr } = await stage.onHost('sh', [], { input: script });
    expect(stderr).toBe('');
    await stage.outside('tee', [`${stage.directory}/${file}`], { input: stdout });
    const elsewhere = (...words: string[]): Promise<Outcome> =>
      runPasserelle([...words, '--snapshot', file], stage.directory, { PASSERELLE_HOST: 'unix:///nowhere.sock' });
    expect((await elsewhere('explain')).out).toContain('what arrives at 0.0.0.0:8080/tcp goes to port');
    expect((await elsewhere('graph')).out).toContain('*:8080/tcp → 80');
    expect((await elsewhere('doctor')).status).toBe(0);
    expect((await elsewhere('trace', '--to', `${HOST_ADDRESS}:8080`)).out).toContain('nat DOCKER');
    // Who shares the host's network or another container's is known by name, and where it is.
    const agent = await elsewhere('trace', '--from', 'agent', '--to', 'sidecar:80');
    expect(agent).toMatchObject({ status: 0, out: expect.stringMatching(/^agent to sidecar:80: PASS\n/) });
    expect(agent.out).toMatch(/^ {2}host .*send: out of br-/m);
    expect((await elsewhere('trace', '--from', 'sidecar', '--to', 'agent/icmp')).out).toMatch(
      /sidecar to agent\/icmp: PASS/,
    );
    await stage.docker('rm', '-f', 'agent', 'sidecar');
  });

  test('is refused if it is none', async () => {
    await stage.outside('tee', [`${stage.directory}/other.json`], { input: '{"a":1}' });
    expect(await passerelle('graph', '--snapshot', 'other.json')).toMatchObject({
      status: 1,
      err: expect.stringContaining('other.json: it is no snapshot'),
    });
    expect(await passerelle('graph', '--snapshot', 'missing.json')).toMatchObject({ status: 1 });
  });
});

test('graph draws what is there', async () => {
  expect((await passerelle('graph')).out).toMatch(
    /[├└]─ lab {2}br-\w+ {2}10\.60\.0\.1\/24\n[│ ]+└─ web {2}10\.60\.0\.2\n[│ ]+└─ \*:8080\/tcp → 80/,
  );
  expect((await passerelle('graph', '--format', 'svg')).out).toMatch(/^<svg .*<\/svg>\n$/s);
  expect(await passerelle('graph', '--format', 'png')).toMatchObject({ status: 1 });
});

test('what graph writes for Graphviz is drawn by it, odd names too', async () => {
  const odd = 'say "\\n" <b>&amp; {a|b}';
  const nothing = { uplinks: [], isolated: [] };
  const network = { name: odd, bridge: 'br-0', subnets: [], gateways: ['fd00::1/64'], internal: false };
  const place = { network: odd, address: 'fd00::2', ports: [{ host: '[::]:80/tcp', container: '80' }] };
  const graph: Graph = {
    ...nothing,
    networks: [network],
    containers: [{ name: 'web', places: [place] }],
    onHost: ['graph', 'node'],
  };
  const drawn = async (input: string) => {
    const { code, stdout, stderr } = await stage.outside('dot', ['-Tjson'], { input });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { objects, edges } = JSON.parse(stdout) as {
      objects: { name: string; label: string }[];
      edges: { tail: number; head: number }[];
    };
    return {
      names: objects.map(({ name }) => name),
      edges: edges.map(({ tail, head }) => [objects[tail]!.name, objects[head]!.name]),
    };
  };
  const { out } = await passerelle('graph', '--format', 'dot');
  const real = await drawn(out);
  expect(real.names).toEqual(expect.arrayContaining(['outside', 'link uplink0', 'network lab', 'container web']));
  expect(real.edges).toContainEqual(['network lab', 'container web']);
  expect(real.edges).toContainEqual(['outside', 'container web']);
  const strange = await drawn(printDot(graph));
  expect(strange.names).toContain('container graph');
  expect(strange.edges).toHaveLength(2);
});
