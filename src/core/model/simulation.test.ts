import { beforeEach, describe, expect, test } from 'vitest';
import { startEngine, type Engine } from '../engine/start.ts';
import { containerRequest, networkRequest, SETTINGS, type ContainerWish } from '../engine/world.fixture.ts';
import type { ExecProcess, OutputChunk } from '../engine/runtime.ts';
import { ManualClock } from './clock.ts';
import { Simulation } from './simulation.ts';

const decoder = new TextDecoder();

async function heard(output: AsyncIterable<OutputChunk>): Promise<{ readonly out: string; readonly err: string }> {
  const texts = { stdout: '', stderr: '' };
  for await (const { stream, data } of output) texts[stream] += decoder.decode(data);
  return { out: texts.stdout, err: texts.stderr };
}

let clock: ManualClock;
let engine: Engine;

beforeEach(async () => {
  clock = new ManualClock();
  const simulation = new Simulation(clock, { hostname: 'machine', architecture: 'amd64' });
  for await (const _ of simulation.images.pull('busybox'));
  for await (const _ of simulation.images.pull('registry.example/web:2'));
  const log = { info: () => undefined, warn: () => undefined };
  engine = await startEngine({ ...simulation.ports, log }, SETTINGS, (names) => simulation.connect(names));
  await engine.networks.create(networkRequest('net', { subnet: '10.7.0.0/24' }));
});

async function run(name: string, wish: ContainerWish = {}): Promise<string> {
  const { id } = await engine.containers.create(containerRequest(name, wish));
  await engine.containers.start(id);
  return id;
}

const call = async (ref: string, args: readonly string[], more: { tty?: boolean; stdin?: boolean } = {}) => {
  const options = { tty: false, stdin: false, ...more };
  const id = await engine.containers.createExec(ref, {
    args,
    env: [],
    user: '',
    workingDir: '',
    privileged: false,
    ...options,
  });
  return engine.containers.startExec(id, options);
};

const answer = async (ref: string, line: string) => {
  const process = await call(ref, line.split(' '));
  const { out, err } = await heard(process.output);
  return { out, err, status: await process.exited };
};

describe('programs that are simulated', () => {
  beforeEach(async () => {
    await run('web', { network: 'net', ports: ['8080:80'], config: { Image: 'registry.example/web:2' } });
    await run('box', { network: 'net' });
    await run('lone', { network: 'none' });
    await run('seer', { network: 'host' });
  });

  test.each([
    { in: 'web', line: 'ip address show dev eth0', out: /inet 10\.7\.0\.2\/24 brd 10\.7\.0\.255 scope global eth0/ },
    { in: 'web', line: 'ip route', out: /^default via 10\.7\.0\.1 dev eth0\n10\.7\.0\.0\/24 dev eth0/ },
    { in: 'lone', line: 'ip link', out: /^1: lo: <LOOPBACK,UP,LOWER_UP>.*\n.*link\/loopback.*\n$/ },
    { in: 'seer', line: 'ip a show uplink0', out: /inet 198\.51\.100\.1\/24/ },
    { in: 'seer', line: 'ip a show docker0', out: /<NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 state DOWN/ },
    {
      in: 'seer',
      line: 'iptables-save -t nat',
      out: /^\*nat\n[^*]*-A DOCKER .* --to-destination 10\.7\.0\.2:80\nCOMMIT\n$/,
    },
    { in: 'box', line: 'nslookup web', out: /Name:\tweb\nAddress: 10\.7\.0\.2/ },
    { in: 'box', line: 'getent hosts web', out: /^10\.7\.0\.2\tweb\n$/ },
    { in: 'box', line: 'wget -q -O - http://web/', out: /^PASS: 10\.7\.0\.2:80: web \(simulated\) listens on port 80/ },
    {
      in: 'box',
      line: 'curl http://198.51.100.1:8080/',
      out: /^PASS: 198\.51\.100\.1:8080: the userland proxy listens/,
    },
    { in: 'box', line: 'ping -c 1 web', out: /^PASS: 10\.7\.0\.2: web answers/ },
    { in: 'box', line: 'nc -z 10.7.0.2 81', err: /^BLOCK: 10\.7\.0\.2:81: nobody listens on port 81/m, status: 1 },
    { in: 'box', line: 'wget http://nobody/', err: /bad address 'nobody'/, status: 1 },
    { in: 'box', line: 'cat /etc/hosts', out: /10\.7\.0\.3\t[0-9a-f]{12}/ },
    { in: 'box', line: 'cat /etc/passwd', err: /a simulated container has only \/etc\/hosts/, status: 1 },
    { in: 'box', line: 'ip netns', err: /"netns" is not simulated/, status: 1 },
    { in: 'box', line: 'ip link show eth9', err: /Device "eth9" does not exist/, status: 1 },
  ])('$in: $line', async ({ in: ref, line, out, err, status = 0 }) => {
    const told = await answer(ref, line);
    if (out) expect(told.out).toMatch(out);
    if (err) expect(told.err).toMatch(err);
    expect(told.err).toContain('simulated: no program runs here');
    expect(told.status).toBe(status);
  });

  test('all others are taken to do their work well, and it is said that they were not run', async () => {
    expect(await answer('web', 'pg_isready -q')).toEqual({
      out: 'simulated: pg_isready -q was not run, and is taken to have ended well\n',
      err: '',
      status: 0,
    });
    const logs = engine.containers.logs('web', { stdout: true, stderr: true, follow: false });
    expect((await heard(logs)).out).toMatch(/^simulated: no program is run here/);
  });

  test('a shell reads lines; on a terminal they are echoed and can be corrected', async () => {
    const typed = async (process: ExecProcess, text: string) => {
      await process.input.write(new TextEncoder().encode(text));
      await process.input.end();
      return { ...(await heard(process.output)), status: await process.exited };
    };
    const piped = await call('box', ['sh'], { stdin: true });
    expect(await typed(piped, 'echo "a  b"\nls\nexit 4\n')).toEqual({
      out: 'a  b\n',
      err: 'simulated: ls was not run\n',
      status: 4,
    });
    const terminal = await call('box', ['/bin/sh'], { stdin: true, tty: true });
    const { out, status } = await typed(terminal, 'echo hx\x7fi\rsleep\x03\x04');
    expect(out).toContain('/ # echo hx\b \bi\r\nhi\r\n/ # sleep^C\r\n/ # \r\n');
    expect(status).toBe(0);
  });
});

test('what a container runs itself ends when it would, or serves until it is stopped', async () => {
  const short = await run('short', { command: 'sleep 2' });
  const script = await run('script', { config: { Cmd: ['sh', '-c', 'false'] } });
  const service = await run('service', { command: 'nginx -g daemon' });
  expect((await engine.containers.wait(script, 'not-running')).exitCode).toBe(1);
  const ends = engine.containers.wait(short, 'not-running');
  clock.advance(2000);
  expect((await ends).exitCode).toBe(0);
  await engine.containers.stop(service);
  expect(engine.containers.get(service).container.state).toMatchObject({ status: 'exited', exitCode: 143 });
});
