import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from 'vitest';
import type { ContainerRecord } from '../../src/core/container/container.ts';
import type { ConmonRuntime } from '../../src/containers/runtime/runtime.ts';
import {
  collect,
  EVERYTHING,
  makePlace,
  openRuntime,
  type Place,
  record,
  removePlace,
  type Wanted,
} from './runtime-fixture.ts';

// Beside the packages, so that it finds them.
const program = join(import.meta.dirname, `../../node_modules/.cache/runtime-adopt-child-${process.pid}.mjs`);

let place: Place;
let runtime: ConmonRuntime;
let started: ContainerRecord[] = [];

beforeAll(async () => {
  await mkdir(join(program, '..'), { recursive: true });
  await build({
    entryPoints: [join(import.meta.dirname, 'runtime-adopt-child.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
});

afterAll(() => rm(program, { force: true }));

beforeEach(async () => {
  place = await makePlace();
});

afterEach(async () => {
  for (const { id } of started) await runtime.remove(id);
  started = [];
  await runtime.close();
  await removePlace(place);
});

const sh = (script: string, wanted: Wanted = {}): ContainerRecord => record(['sh', '-c', script], wanted);

/** Has an engine start containers, kills it, and opens another one. */
async function afterCrash(
  ...containers: { container: ContainerRecord; start?: boolean; meanwhile?: number }[]
): Promise<void> {
  started = containers.map(({ container }) => container);
  const asked = containers.map(({ container, start = true }) => ({ container, start }));
  const engine = spawn(process.execPath, [program, JSON.stringify({ place, containers: asked })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(engine.stdout, 'data');
  engine.kill('SIGKILL');
  await once(engine, 'exit');
  await pause(Math.max(...containers.map(({ meanwhile = 0 }) => meanwhile)));
  runtime = openRuntime(place);
}

/** The pid of a container's monitor. */
function monitorOf(id: string): number {
  const pid = readdirSync('/proc').find((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(`--cid=${id}\0`);
    } catch {
      return false;
    }
  });
  return Number(pid);
}

test('a container goes on without its engine, and the next one has all of it', async () => {
  const container = sh(
    'i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo $i; sleep 0.02; done; read x; echo "got $x"; exit 6',
    {
      config: { OpenStdin: true, StdinOnce: true },
    },
  );
  await afterCrash({ container });
  const { id } = container;
  const pid = await runtime.adopt(id);
  expect(await runtime.processes(id)).toContain(pid);
  expect(await runtime.adopt(id)).toBe(pid);

  const output = collect(runtime.logs(id, { ...EVERYTHING, follow: true }));
  const exec = await runtime.exec({
    id: 'f'.repeat(64),
    containerId: id,
    args: ['echo', 'exec'],
    tty: false,
    env: [],
    user: '',
    workingDir: '',
    privileged: false,
    stdin: false,
  });
  expect((await collect(exec.output)).stdout.toString()).toBe('exec\n');
  const input = await runtime.input(id);
  await input.write(Buffer.from('word\n'));
  const lines = Array.from({ length: 20 }, (_, index) => `${index + 1}\n`).join('');
  expect((await output).stdout.toString()).toBe(`${lines}got word\n`);
  expect(await runtime.exited(id)).toMatchObject({ exitCode: 6, oomKilled: false });
  await input.end();
});

test('a container that ended while nobody looked has kept its exit code, its time and its output', async () => {
  const container = sh('sleep 0.1; echo bye; exit 4');
  await afterCrash({ container, meanwhile: 400 });
  const { id } = container;
  expect(await runtime.adopt(id)).toBeNull();
  const exit = await runtime.exited(id);
  expect(exit.exitCode).toBe(4);
  expect(Date.now() - Date.parse(exit.at)).toBeGreaterThan(150);
  expect((await collect(runtime.logs(id, EVERYTHING))).stdout.toString()).toBe('bye\n');
  await runtime.clean(id);
  expect(await runtime.exited(id)).toMatchObject({ exitCode: 4, at: exit.at });
});

test('a container whose monitor was killed is killed too, whether an engine looks or not', async () => {
  const [seen, unseen] = [record(['sleep', '100']), record(['sleep', '100'])];
  await afterCrash({ container: seen }, { container: unseen });
  expect(await runtime.adopt(seen.id)).not.toBeNull();
  const exited = runtime.exited(seen.id);
  process.kill(monitorOf(unseen.id), 'SIGKILL');
  process.kill(monitorOf(seen.id), 'SIGKILL');
  expect(await exited).toMatchObject({ exitCode: 137 });
  expect(await runtime.processes(seen.id)).toEqual([]);
  await expect.poll(() => runtime.adopt(unseen.id)).toBeNull();
  expect(await runtime.exited(unseen.id)).toMatchObject({ exitCode: 137 });
  expect(await runtime.processes(unseen.id)).toEqual([]);
});

test('a container that was created and not started is not running, and can be created again', async () => {
  const container = sh('echo once');
  await afterCrash({ container, start: false });
  const { id } = container;
  expect(await runtime.adopt(id)).toBeNull();
  await runtime.create({ container, networkNamespace: null });
  await runtime.start(id);
  expect(await runtime.exited(id)).toMatchObject({ exitCode: 0 });
  expect((await collect(runtime.logs(id, EVERYTHING))).stdout.toString()).toBe('once\n');
});

test('a pid that belongs to another process by now is not taken for ours', async () => {
  const container = record(['sleep', '100']);
  await afterCrash({ container });
  const identity = join(place.top, 'run/containers', container.id, 'identity');
  const [pid, startTime] = (await readFile(identity, 'utf8')).trim().split(' ');
  await writeFile(identity, `${pid} ${Number(startTime) - 1}\n`);
  expect(await runtime.adopt(container.id)).toBeNull();
});

test('a container of before a reboot has ended, nobody knows how', async () => {
  const container = record(['sleep', '100']);
  await afterCrash({ container });
  await runtime.clean(container.id);
  await rm(join(place.top, 'data/containers', container.id, 'exit'));
  expect(await runtime.adopt(container.id)).toBeNull();
  expect(await runtime.exited(container.id)).toMatchObject({ exitCode: 255 });
});
