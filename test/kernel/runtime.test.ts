import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ContainerMount, ContainerRecord } from '../../src/core/container/container.ts';
import type { ExecProcess, OutputChunk } from '../../src/core/engine/runtime.ts';
import type { ConmonRuntime } from '../../src/containers/runtime/runtime.ts';
import {
  collect,
  EVERYTHING,
  makePlace,
  openRuntime,
  type Place,
  record,
  removePlace,
  runToEnd,
  type Wanted,
} from './runtime-fixture.ts';

let place: Place;
let runtime: ConmonRuntime;

beforeAll(async () => {
  place = await makePlace();
  runtime = openRuntime(place);
});

afterAll(async () => {
  await runtime.close();
  expect(leftovers(place.top)).toEqual([]);
  await removePlace(place);
});

/** Mounts, cgroups and processes that bear the place's name. */
function leftovers(top: string): readonly string[] {
  const name = top.slice('/tmp/'.length);
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const cgroups = readdirSync('/sys/fs/cgroup').flatMap((tree) => {
    const path = join('/sys/fs/cgroup', tree, name);
    return existsSync(path) ? [path] : [];
  });
  const commands = readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, 'latin1')];
    } catch {
      return [];
    }
  });
  return [
    ...mounts.filter((line) => line.includes(name)),
    ...cgroups,
    ...commands.filter((line) => line.includes(name)),
  ];
}

const sh = (script: string, wanted: Wanted = {}): ContainerRecord => record(['sh', '-c', script], wanted);
const run = (script: string, wanted: Wanted = {}): ReturnType<typeof runToEnd> => runToEnd(runtime, sh(script, wanted));

/** A container that runs while `use` is at work. */
async function running<T>(container: ContainerRecord, use: (id: string, pid: number) => Promise<T>): Promise<T> {
  await runtime.prepare(container);
  try {
    const pid = await runtime.create({ container, networkNamespace: null });
    await runtime.start(container.id);
    return await use(container.id, pid);
  } finally {
    await runtime.clean(container.id);
    await runtime.remove(container.id);
  }
}

/** Reads until the text has come. */
async function until(output: AsyncIterator<OutputChunk>, text: string | RegExp): Promise<string> {
  let seen = '';
  while (!(typeof text === 'string' ? seen.includes(text) : text.test(seen))) {
    const { done, value } = await output.next();
    if (done) throw new Error(`ended before ${String(text)}: ${seen}`);
    seen += Buffer.from(value.data).toString();
  }
  return seen;
}

/** Readers that the tests do not read to their end. */
let readers: AsyncIterator<OutputChunk>[] = [];
afterEach(async () => {
  for (const reader of readers) await reader.return?.();
  readers = [];
});

function follow(id: string, fromNow = false): AsyncIterator<OutputChunk> {
  const reader = runtime.logs(id, { ...EVERYTHING, follow: true, fromNow })[Symbol.asyncIterator]();
  readers.push(reader);
  return reader;
}

describe('a run', () => {
  test('ends with its output, stream by stream, and its exit code', async () => {
    const { exit, stdout, stderr } = await run('echo out; echo err >&2; printf prompt; exit 3');
    expect(exit).toMatchObject({ exitCode: 3, oomKilled: false });
    expect(Math.abs(Date.parse(exit.at) - Date.now())).toBeLessThan(10_000);
    expect({ stdout, stderr }).toEqual({ stdout: 'out\nprompt', stderr: 'err\n' });
  });

  test('keeps 10 MB of any bytes as they were, with lines of any length', async () => {
    const data = Buffer.concat([
      randomBytes(5_000_000),
      Buffer.alloc(100_000, 'x'),
      Buffer.from('y\n'.repeat(500_000)),
    ]);
    const bytes = Buffer.concat([data, randomBytes(3_900_001)]);
    await writeFile(join(place.layer, 'stuff/bytes'), bytes);
    const container = record(['cat', '/stuff/bytes']);
    await running(container, async (id) => {
      const following = collect(runtime.logs(id, { ...EVERYTHING, follow: true }));
      await runtime.exited(id);
      const hash = (buffer: Buffer): string => createHash('sha1').update(buffer).digest('hex');
      const [followed, stored] = [await following, await collect(runtime.logs(id, EVERYTHING))];
      expect(followed.stdout.length).toBe(bytes.length);
      expect(hash(followed.stdout)).toBe(hash(bytes));
      expect(hash(stored.stdout)).toBe(hash(bytes));
    });
  });

  test('can be followed by another, the log goes on', async () => {
    const container = sh('echo hello; touch /once; ls /once');
    await runtime.prepare(container);
    for (let round = 0; round < 2; round++) {
      await runtime.create({ container, networkNamespace: null });
      await runtime.start(container.id);
      await runtime.exited(container.id);
      await runtime.clean(container.id);
      await runtime.clean(container.id);
    }
    const { stdout } = await collect(runtime.logs(container.id, EVERYTHING));
    expect(stdout.toString()).toBe('hello\n/once\n'.repeat(2));
    await runtime.remove(container.id);
    await runtime.remove(container.id);
  });

  test('that was created and never started goes away', async () => {
    const container = sh('echo no');
    await runtime.prepare(container);
    const pid = await runtime.create({ container, networkNamespace: null });
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    await runtime.clean(container.id);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    await runtime.remove(container.id);
  });

  test('that died before it was started cannot be', async () => {
    const container = sh('echo no');
    await runtime.prepare(container);
    process.kill(await runtime.create({ container, networkNamespace: null }), 'SIGKILL');
    await expect(runtime.start(container.id)).rejects.toThrow('container process is already dead');
    await runtime.clean(container.id);
    await runtime.remove(container.id);
  });

  test('goes with the cgroups that it made in its own', async () => {
    const container = sh('sleep 100');
    const own = join('/sys/fs/cgroup/pids', place.top.slice('/tmp/'.length), container.id);
    await running(container, () => mkdir(join(own, 'inner', 'most'), { recursive: true }));
    expect(existsSync(own)).toBe(false);
  });

  test.each([
    ['a name that is in no directory of PATH', ['nosuch'], 127, 'exec: "nosuch": executable file not found in $PATH'],
    ['a path without a file', ['/no/such'], 127, 'exec: "/no/such": stat /no/such: no such file or directory'],
    ['a directory', ['/etc'], 126, 'exec: "/etc": permission denied'],
    ['a file that is not executable', ['/etc/plain'], 126, 'exec: "/etc/plain": permission denied'],
  ])('of %s fails as with Docker', async (_, args, exitCode, text) => {
    await expect(runToEnd(runtime, record(args))).rejects.toMatchObject({
      name: 'RuntimeError',
      exitCode,
      message: `failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ${text}: unknown`,
    });
  });

  test.each<[string, Wanted, RegExp]>([
    ['user', { config: { User: 'nobody2' } }, /^unable to find user nobody2: no matching entries in passwd file$/],
    ['group', { config: { User: 'ann:none' } }, /^unable to find group none: no matching entries in group file$/],
    ['capability', { host: { CapAdd: ['foo'] } }, /^invalid CapAdd: unknown capability: "CAP_FOO"$/],
    ['sysctl', { host: { Sysctls: { 'kernel.nope': '1' } } }, /kernel\.nope/],
  ])('with a %s that there is none of fails with its name', async (_, wanted, message) => {
    await expect(run('true', wanted)).rejects.toThrow(message);
  });
});

describe('output', () => {
  test('is followed as it comes, prompts without newline too, until the process ends', async () => {
    const container = sh('printf "> "; read line; echo "got $line"; exit 4', { config: { OpenStdin: true } });
    await running(container, async (id) => {
      const output = follow(id);
      await until(output, '> ');
      const input = await runtime.input(id);
      await input.write(Buffer.from('word\n'));
      await until(output, 'got word\n');
      expect(await output.next()).toMatchObject({ done: true });
      expect(await runtime.exited(id)).toMatchObject({ exitCode: 4 });
      await input.end();
    });
  });

  test('from now on leaves out what was; readers who came before the start see all', async () => {
    const container = sh('echo one; read line; echo two', { config: { OpenStdin: true } });
    await runtime.prepare(container);
    const before = collect(runtime.logs(container.id, { ...EVERYTHING, follow: true, fromNow: true }));
    await pause(20);
    await runtime.create({ container, networkNamespace: null });
    await runtime.start(container.id);
    await until(follow(container.id), 'one\n');
    const now = collect(runtime.logs(container.id, { ...EVERYTHING, follow: true, fromNow: true }));
    await (await runtime.input(container.id)).write(Buffer.from('\n'));
    expect((await now).stdout.toString()).toBe('two\n');
    expect((await before).stdout.toString()).toBe('one\ntwo\n');
    // Nothing runs any more: to follow is to read what there is.
    expect((await collect(runtime.logs(container.id, { ...EVERYTHING, follow: true }))).stdout.toString()).toBe(
      'one\ntwo\n',
    );
    await runtime.clean(container.id);
    await runtime.remove(container.id);
  });

  test('can be left while nothing comes', async () => {
    await running(record(['sleep', '100']), async (id) => {
      const output = follow(id);
      const waiting = output.next();
      await pause(20);
      await output.return?.();
      expect(await waiting).toMatchObject({ done: true });
    });
  });

  test('is asked for by stream, by last lines and by time', async () => {
    await running(sh('for i in 1 2 3; do echo o$i; echo e$i >&2; sleep 0.05; done; printf end'), async (id) => {
      await runtime.exited(id);
      const read = async (query: object): Promise<string> => {
        const { stdout, stderr } = await collect(runtime.logs(id, { ...EVERYTHING, ...query }));
        return `${stdout.toString()}|${stderr.toString()}`.replaceAll('\n', ' ');
      };
      expect(await read({ stdout: false })).toBe('|e1 e2 e3 ');
      expect(await read({ stderr: false })).toBe('o1 o2 o3 end|');
      expect(await read({ tail: 3 })).toBe('o3 end|e3 ');
      expect(await read({ tail: 0 })).toBe('|');
      expect(await read({ tail: 99 })).toBe('o1 o2 o3 end|e1 e2 e3 ');
      const second = await (async () => {
        for await (const { data, time } of runtime.logs(id, EVERYTHING))
          if (Buffer.from(data).toString() === 'o2\n') return time;
        return '';
      })();
      expect(await read({ since: second, stderr: false })).toBe('o2 o3 end|');
      expect(await read({ until: second, stderr: false })).toBe('o1 o2 |');
    });
  });
});

describe('input', () => {
  test('of 3 MB comes out as it went in, and its end ends the container', async () => {
    const bytes = randomBytes(3_000_000);
    await running(record(['cat'], { config: { OpenStdin: true, StdinOnce: true } }), async (id) => {
      const output = collect(runtime.logs(id, { ...EVERYTHING, follow: true }));
      const input = await runtime.input(id);
      await input.write(bytes);
      await input.end();
      expect(await runtime.exited(id)).toMatchObject({ exitCode: 0 });
      expect((await output).stdout.equals(bytes)).toBe(true);
      await expect(runtime.input(id).then((late) => late.write(bytes))).rejects.toThrow(/standard input/);
    });
  });

  test('may end and come again where the container keeps it open', async () => {
    await running(record(['cat'], { config: { OpenStdin: true } }), async (id) => {
      const output = follow(id);
      for (const word of ['one\n', 'two\n']) {
        const input = await runtime.input(id);
        await input.write(Buffer.from(word));
        await input.end();
        await until(output, word);
      }
      await runtime.signal(id, 9);
      expect(await runtime.exited(id)).toMatchObject({ exitCode: 137 });
    });
  });

  test('waits for a container that does not read, and can be given up', async () => {
    await running(sh('sleep 100', { config: { OpenStdin: true } }), async (id) => {
      const input = await runtime.input(id);
      const writing = input.write(Buffer.alloc(3_000_000));
      const refused = expect(writing).rejects.toThrow('closed');
      await pause(50);
      await input.end();
      await refused;
    });
  });

  test('that is not open is empty', async () => {
    expect(await run('cat; echo end')).toMatchObject({ stdout: 'end\n' });
  });
});

describe('a terminal', () => {
  test('takes sizes, the last of many wins', async () => {
    const container = sh('echo ready; read x; stty size; ls -l /proc/self/fd/0', {
      config: { Tty: true, OpenStdin: true },
    });
    await running(container, async (id) => {
      const output = follow(id);
      await until(output, 'ready');
      await Promise.all([10, 20, 30].map((rows) => runtime.resize(id, 100, rows)));
      await runtime.resize(id, 133, 42);
      const input = await runtime.input(id);
      await input.write(Buffer.from('\n'));
      await until(output, '42 133\r\n');
      expect(await until(output, 'pts/')).toContain('/dev/pts/0');
      await runtime.exited(id);
    });
  });

  test('turns Ctrl-C into a signal', async () => {
    const container = record(['sh', '-c', 'trap "echo caught; exit 7" INT; echo ready; while :; do sleep 0.1; done'], {
      config: { Tty: true, OpenStdin: true },
    });
    await running(container, async (id) => {
      const output = follow(id);
      await until(output, 'ready');
      await (await runtime.input(id)).write(Buffer.from([3]));
      expect(await runtime.exited(id)).toMatchObject({ exitCode: 7 });
    });
  });
});

describe('a running container', () => {
  test('takes signals', async () => {
    await running(sh('trap "echo term; exit 9" TERM; echo ready; while :; do sleep 0.05; done'), async (id) => {
      await until(follow(id), 'ready');
      await runtime.signal(id, 15);
      expect(await runtime.exited(id)).toMatchObject({ exitCode: 9 });
      await runtime.signal(id, 15);
    });
  });

  test('pauses and goes on; a paused one can be cleaned', async () => {
    const container = sh('i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done');
    await running(container, async (id) => {
      const lines = async (): Promise<number> => (await collect(runtime.logs(id, EVERYTHING))).stdout.length;
      await until(follow(id), '3\n');
      await runtime.pause(id);
      const paused = await lines();
      await pause(60);
      expect(await lines()).toBe(paused);
      await runtime.unpause(id);
      await until(follow(id, true), '\n');
      await runtime.pause(id);
    });
  });

  test('shows its processes', async () => {
    await running(sh('sleep 100 & sleep 100; true'), async (id, pid) => {
      await expect.poll(async () => (await runtime.processes(id)).length).toBe(3);
      expect(await runtime.processes(id)).toContain(pid);
    });
  });

  test('sees its files in /etc change', async () => {
    const container = sh('read x; cat /etc/hosts /etc/hostname /etc/resolv.conf', { config: { OpenStdin: true } });
    await runtime.prepare(container);
    await runtime.writeEtc(container.id, 'hosts', '127.0.0.1 a-name-that-is-long\n');
    await runtime.writeEtc(container.id, 'hostname', 'me\n');
    await runtime.create({ container, networkNamespace: null });
    await runtime.start(container.id);
    await runtime.writeEtc(container.id, 'hosts', '::1 short\n');
    await (await runtime.input(container.id)).write(Buffer.from('\n'));
    await runtime.exited(container.id);
    expect((await collect(runtime.logs(container.id, EVERYTHING))).stdout.toString()).toBe('::1 short\nme\n');
    await runtime.clean(container.id);
    await runtime.remove(container.id);
  });

  test('is limited in memory, processes and processor, and the limits can change', async () => {
    const limits = { Memory: 32 << 20, PidsLimit: 20, NanoCpus: 500_000_000 };
    const container = sh('sleep 100', { host: limits });
    await running(container, async (id) => {
      const read = (tree: string, file: string): string =>
        readFileSync(join('/sys/fs/cgroup', tree, place.top.slice('/tmp/'.length), id, file), 'utf8').trim();
      expect(read('memory', 'memory.limit_in_bytes')).toBe(String(32 << 20));
      expect(read('pids', 'pids.max')).toBe('20');
      expect([read('cpu', 'cpu.cfs_quota_us'), read('cpu', 'cpu.cfs_period_us')]).toEqual(['50000', '100000']);
      await runtime.update({ ...container, hostConfig: { ...container.hostConfig, Memory: 64 << 20, PidsLimit: 30 } });
      expect(read('memory', 'memory.limit_in_bytes')).toBe(String(64 << 20));
      expect(read('pids', 'pids.max')).toBe('30');
    });
  });

  test('that wants more memory than it may have is killed, and that is said', async () => {
    const { exit } = await run('dd if=/dev/zero of=/dev/null bs=60M count=1; exit 5', {
      host: { Memory: 16 << 20, MemorySwap: 16 << 20 },
    });
    expect(exit.oomKilled).toBe(true);
  });
});

describe('exec', () => {
  const spec = (id: string, script: string, more: object = {}) => ({
    id: randomBytes(32).toString('hex'),
    containerId: id,
    args: ['sh', '-c', script],
    tty: false,
    env: [],
    user: '',
    workingDir: '',
    privileged: false,
    stdin: false,
    ...more,
  });
  const end = async (process: ExecProcess): Promise<{ code: number; stdout: string; stderr: string }> => {
    const { stdout, stderr } = await collect(process.output);
    return { code: await process.exited, stdout: stdout.toString(), stderr: stderr.toString() };
  };

  test('gives output by stream and the exit code, with the container environment and its own', async () => {
    await running(sh('sleep 100', { config: { Env: ['A=1', 'B=2'] } }), async (id) => {
      const process = await runtime.exec(spec(id, 'echo $A $B $HOSTNAME; echo err >&2; exit 5', { env: ['B=3'] }));
      expect(process.pid).toBeGreaterThan(0);
      expect(await end(process)).toEqual({ code: 5, stdout: `1 3 ${id.slice(0, 12)}\n`, stderr: 'err\n' });
    });
  });

  test('as a user, in a directory, privileged', async () => {
    await running(record(['sleep', '100']), async (id) => {
      const script = 'id; pwd; grep -E "CapBnd" /proc/self/status';
      const plain = await end(await runtime.exec(spec(id, script, { user: 'ann', workingDir: '/tmp' })));
      expect(plain.stdout).toBe(
        'uid=1000(ann) gid=1001(ann) groups=50(staff),1001(ann)\n/tmp\nCapBnd:\t00000000a80425fb\n',
      );
      const privileged = await end(await runtime.exec(spec(id, script, { privileged: true })));
      expect(privileged.stdout).toContain(
        /^CapBnd.*/m.exec(readFileSync('/proc/self/status', 'utf8').replace('CapBnd', 'CapBnd'))?.[0] ?? '',
      );
    });
  });

  test('carries 5 MB through', async () => {
    const bytes = randomBytes(5_000_000);
    await running(record(['sleep', '100']), async (id) => {
      const process = await runtime.exec(spec(id, 'cat', { stdin: true }));
      const output = collect(process.output);
      await process.input.write(bytes);
      await process.input.end();
      expect((await output).stdout.equals(bytes)).toBe(true);
      expect(await process.exited).toBe(0);
    });
  });

  test('on a terminal', async () => {
    await running(record(['sleep', '100']), async (id) => {
      const process = await runtime.exec(spec(id, 'read x; stty size; echo $TERM; exit 6', { tty: true, stdin: true }));
      await process.resize(99, 33);
      await process.input.write(Buffer.from('\n'));
      const { code, stdout, stderr } = await end(process);
      expect({ code, stderr }).toEqual({ code: 6, stderr: '' });
      expect(stdout).toContain('33 99\r\nxterm\r\n');
    });
  });

  test.each([
    [
      'a program that is not there',
      { args: ['nosuch'] },
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
    ],
    [
      'the same on a terminal',
      { args: ['nosuch'], tty: true },
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
    ],
    [
      'a directory that is not there',
      { workingDir: '/nono' },
      'OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ("/nono") set in config.json failed: no such file or directory: unknown',
    ],
    ['a user that there is none of', { user: 'nono' }, 'unable to find user nono: no matching entries in passwd file'],
  ])('of %s fails as with Docker', async (_, more, message) => {
    await running(record(['sleep', '100']), async (id) => {
      await expect(runtime.exec(spec(id, 'true', more))).rejects.toMatchObject({
        name: 'RuntimeError',
        exitCode: 126,
        message,
      });
    });
  });

  test('ends when its process has, though a child of that one holds its output', async () => {
    await running(record(['sleep', '100']), async (id) => {
      const started = Date.now();
      const { code, stdout } = await end(await runtime.exec(spec(id, 'echo a; sleep 50 & exit 3')));
      expect({ code, stdout }).toEqual({ code: 3, stdout: 'a\n' });
      expect(Date.now() - started).toBeLessThan(5000);
    });
  });

  test('ends with its container', async () => {
    await running(record(['sleep', '100']), async (id) => {
      const process = await runtime.exec(spec(id, 'sleep 100'));
      const ended = end(process);
      await runtime.clean(id);
      expect(await ended).toMatchObject({ code: 137 });
    });
  });
});

describe('what a container is given', () => {
  test('the capabilities of Docker, and a seccomp filter', async () => {
    const { stdout } = await run('grep -E "Cap|Seccomp:|NoNew" /proc/self/status');
    expect(stdout).toContain(
      'CapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\n',
    );
    expect(stdout).toMatch(/NoNewPrivs:\t0\nSeccomp:\t2\n/);
  });

  test.each<[string, Wanted['host'], string]>([
    ['one more and one less', { CapAdd: ['NET_ADMIN'], CapDrop: ['cap_mknod'] }, '00000000a00435fb'],
    ['none', { CapDrop: ['ALL'] }, '0000000000000000'],
    ['one alone', { CapDrop: ['ALL'], CapAdd: ['KILL'] }, '0000000000000020'],
  ])('capabilities: %s', async (_, host, mask) => {
    const { stdout } = await run('grep CapEff /proc/self/status', { ...(host && { host }) });
    expect(stdout).toBe(`CapEff:\t${mask}\n`);
  });

  test('privileged: everything, and the devices of the host', async () => {
    const { stdout } = await run(
      'grep -E "CapEff|Seccomp:" /proc/self/status; ls /dev; touch /sys/fs/cgroup/x 2>&1; mount',
      {
        host: { Privileged: true },
      },
    );
    expect(stdout).toContain(/CapEff:\t\w+/.exec(readFileSync('/proc/self/status', 'utf8'))?.[0] ?? '');
    expect(stdout).toContain('Seccomp:\t0');
    expect(stdout.split('\n')).toContain('kmsg');
    expect(stdout).toMatch(/sysfs on \/sys type sysfs \(rw/);
  });

  test('what is closed in a container: masked and read-only paths, keyctl and mounting', async () => {
    const script =
      'cat /proc/kcore | head -c1; echo 1 > /proc/sys/kernel/shmmax; mount -t tmpfs x /tmp; ls /sys/firmware; echo end';
    const { stdout, stderr } = await run(script);
    expect(stdout).toBe('end\n');
    expect(stderr).toMatch(/Read-only file system/);
    expect(stderr).toMatch(/mount: permission denied/);
  });

  test('unconfined: no filter; no new privileges', async () => {
    const host = { SecurityOpt: ['seccomp=unconfined', 'no-new-privileges'] };
    const { stdout } = await run('grep -E "Seccomp:|NoNew" /proc/self/status', { host });
    expect(stdout).toBe('NoNewPrivs:\t1\nSeccomp:\t0\n');
  });

  test('environment, user, working directory, names, limits', async () => {
    const { stdout } = await run(
      'env | grep -E "^(PATH|HOSTNAME|X|HOME)="; id; pwd; cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname; ulimit -n',
      {
        config: { Env: ['X=y z'], User: '1000:50', WorkingDir: '/made/here', Hostname: 'me', Domainname: 'dom.x' },
        host: { GroupAdd: ['extra', '77'], Ulimits: [{ Name: 'nofile', Soft: 100, Hard: 200 }] },
      },
    );
    const lines = stdout.split('\n');
    expect(lines.slice(0, 4).sort()).toEqual([
      'HOME=/home/ann',
      'HOSTNAME=me',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'X=y z',
    ]);
    expect(lines.slice(4)).toEqual([
      'uid=1000(ann) gid=50(staff) groups=50(staff),60(extra),77',
      '/made/here',
      'me',
      'dom.x',
      '100',
      '',
    ]);
  });

  test('a read-only root', async () => {
    const { stdout, stderr } = await run('touch /x; touch /run/y && echo run', {
      host: { ReadonlyRootfs: true, Tmpfs: { '/run': 'size=1m' } },
    });
    expect(stdout).toBe('run\n');
    expect(stderr).toMatch(/\/x: Read-only file system/);
  });

  test('an init', async () => {
    const { stdout } = await run('cat /proc/1/cmdline', { host: { Init: true } });
    expect(stdout).toBe('/sbin/docker-init\0--\0sh\0-c\0cat /proc/1/cmdline\0');
  });

  test('shared memory of a size, and sysctls', async () => {
    const { stdout } = await run('mount | grep /dev/shm; cat /proc/sys/kernel/msgmax', {
      host: { ShmSize: 1 << 20, Sysctls: { 'kernel.msgmax': '9999' } },
    });
    expect(stdout).toMatch(/shm on \/dev\/shm type tmpfs \(rw,nosuid,nodev,noexec,relatime,size=1024k/);
    expect(stdout).toContain('9999');
  });

  test('devices', async () => {
    const { stdout } = await run('ls -l /dev/mine; head -c1 /dev/mine | wc -c', {
      host: { Devices: [{ PathOnHost: '/dev/zero', PathInContainer: '/dev/mine', CgroupPermissions: 'r' }] },
    });
    expect(stdout).toMatch(/^crw.*1,\s+5/);
  });
});

describe('namespaces', () => {
  test('of the host', async () => {
    const links = (names: string): string => `for n in ${names}; do ls -l /proc/self/ns/$n; done`;
    const { stdout } = await run(`${links('pid ipc net uts')}; echo $$`, {
      host: { PidMode: 'host', IpcMode: 'host', UTSMode: 'host' },
    });
    for (const name of ['pid', 'ipc', 'net', 'uts']) {
      expect(stdout).toContain(execFileSync('readlink', [`/proc/self/ns/${name}`], { encoding: 'utf8' }).trim());
    }
  });

  test('of another container: processes, IPC and shared memory', async () => {
    await running(sh('echo shared > /dev/shm/note; sleep 100', { host: { IpcMode: 'shareable' } }), async (id, pid) => {
      await expect
        .poll(async () => readFile(join(place.top, 'data/containers', id, 'shm/note'), 'utf8').catch(() => ''))
        .toBe('shared\n');
      const joined = sh('ps -o args; cat /dev/shm/note', {
        host: { PidMode: `container:${id}`, IpcMode: `container:${id}` },
      });
      const { stdout } = await runToEnd(runtime, joined, { joinPid: pid, joinIpc: pid });
      expect(stdout).toContain('sleep 100');
      expect(stdout).toContain('\nshared\n');
    });
    await running(record(['sleep', '100']), async (_, pid) => {
      const joined = sh('true', { host: { IpcMode: 'container:x' } });
      await expect(runToEnd(runtime, joined, { joinIpc: pid })).rejects.toThrow(/non-shareable/);
    });
  });

  test('a network by its path', async () => {
    const name = `e-${randomBytes(3).toString('hex')}`;
    execFileSync('ip', ['netns', 'add', name]);
    try {
      const container = sh('ls /sys/class/net; cat /proc/sys/net/ipv4/ip_unprivileged_port_start');
      await runtime.prepare(container);
      await runtime.create({ container, networkNamespace: `/run/netns/${name}` });
      await runtime.start(container.id);
      await runtime.exited(container.id);
      const { stdout } = await collect(runtime.logs(container.id, EVERYTHING));
      expect(stdout.toString()).toMatch(/^lo\n(.*\n)*0\n$/);
      expect(stdout.toString()).not.toContain('eth0');
      await runtime.clean(container.id);
      await runtime.remove(container.id);
    } finally {
      execFileSync('ip', ['netns', 'del', name]);
    }
  });
});

describe('mounts', () => {
  const mount = (
    type: ContainerMount['type'],
    source: string,
    destination: string,
    more: Partial<ContainerMount> = {},
  ): ContainerMount => ({
    type,
    name: '',
    source,
    destination,
    mode: '',
    writable: true,
    propagation: type === 'bind' ? 'rprivate' : '',
    copy: false,
    ...more,
  });

  test('binds, writable or not, files and directories', async () => {
    const source = join(place.top, 'bound');
    await mkdir(source);
    await writeFile(join(source, 'file'), 'hello\n');
    const { stdout, stderr } = await run('cat /rw/file /one; echo new > /rw/new; touch /ro/x', {
      mounts: [
        mount('bind', source, '/rw'),
        mount('bind', source, '/ro', { writable: false }),
        mount('bind', join(source, 'file'), '/one'),
      ],
    });
    expect(stdout).toBe('hello\nhello\n');
    expect(stderr).toMatch(/\/ro\/x: Read-only file system/);
    expect(await readFile(join(source, 'new'), 'utf8')).toBe('new\n');
  });

  test('a bind without a source is made, or refused where --mount asked for it', async () => {
    const source = join(place.top, 'not/yet');
    const wanted = { mounts: [mount('bind', source, '/made')] };
    await expect(
      run('true', { ...wanted, host: { Mounts: [{ Type: 'bind', Source: source, Target: '/made' }] } }),
    ).rejects.toThrow(`bind source path does not exist: ${source}`);
    expect((await run('ls -d /made', wanted)).stdout).toBe('/made\n');
  });

  test('a new volume gets what the image has there, once', async () => {
    const source = join(place.top, 'volume');
    const wanted = { mounts: [mount('volume', source, '/stuff/deep', { name: 'v', copy: true })] };
    expect((await run('cat /stuff/deep/file; echo changed > /stuff/deep/file', wanted)).stdout).toBe(
      'from the image\n',
    );
    expect((await stat(join(source, 'file'))).mode & 0o777).toBe(0o640);
    expect((await run('cat /stuff/deep/file', wanted)).stdout).toBe('changed\n');
    expect(await readFile(join(place.layer, 'stuff/deep/file'), 'utf8')).toBe('from the image\n');
  });

  test('tmpfs with options', async () => {
    const { stdout } = await run('mount | grep -E " /(a|b) "; mount | grep -c /dev/shm', {
      host: { Tmpfs: { '/a': 'size=1m,exec' } },
      mounts: [
        mount('tmpfs', '', '/b', { mode: 'size=65536,mode=700' }),
        mount('tmpfs', '', '/dev/shm', { mode: 'size=8192' }),
      ],
    });
    expect(stdout).toMatch(/tmpfs on \/a type tmpfs \(rw,nosuid,nodev,relatime,size=1024k/);
    expect(stdout).toMatch(/tmpfs on \/b type tmpfs \(rw,nosuid,nodev,noexec,relatime,size=64k,mode=700/);
    expect(stdout.trim().endsWith('\n1')).toBe(true);
  });

  test('the root filesystem can be reached whether the container runs or not', async () => {
    const container = sh('echo inside > /note; sleep 100');
    await running(container, async (id) => {
      await expect
        .poll(() => runtime.withRoot(container, (root) => readFile(join(root, 'note'), 'utf8').catch(() => '')))
        .toBe('inside\n');
      await runtime.clean(id);
      expect(await runtime.withRoot(container, (root) => readFile(join(root, 'note'), 'utf8'))).toBe('inside\n');
    });
  });
});
