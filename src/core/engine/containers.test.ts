import { describe, expect, test } from 'vitest';
import type { WaitCondition } from './waiters.ts';
import { containerRequest, World, type ContainerWish } from './world.fixture.ts';

const state = ({ engine }: World, ref: string) => engine.containers.get(ref).container.state;
const STOP = { force: false, volumes: false };

describe('a life', () => {
  test('create, start, stop, start again, remove: what is told, as dockerd tells it', async () => {
    const world = await World.start();
    const id = await world.create('web');
    expect(world.engine.containers.get('web').container.state.status).toBe('created');
    await world.engine.containers.start('web');
    expect(state(world, 'web')).toMatchObject({ status: 'running', pid: 1000 });
    expect(world.told(id)).toEqual(['create', 'connect', 'start']);
    await world.engine.containers.stop('web');
    expect(world.told(id).slice(3)).toEqual(['kill 15', 'die 143', 'disconnect', 'stop']);
    expect(state(world, 'web')).toMatchObject({ status: 'exited', exitCode: 143, pid: 0 });
    await world.engine.containers.start('web');
    expect(world.told(id).slice(7)).toEqual(['connect', 'start']);
    await world.engine.containers.remove('web', { force: true, volumes: false });
    expect(world.told(id).slice(9)).toEqual(['kill 9', 'die 137', 'disconnect', 'destroy']);
    expect(world.engine.containers.list()).toEqual([]);
    await world.expectSound();
  });

  test('one that takes no notice of SIGTERM is killed after its time', async () => {
    const world = await World.start();
    const id = await world.run('web', { command: 'stubborn', config: { StopTimeout: 3 } });
    const stopped = world.engine.containers.stop('web');
    await world.pass(2999);
    expect(world.status('web')).toBe('running');
    await world.pass(1);
    await stopped;
    expect(state(world, 'web').exitCode).toBe(137);
    expect(world.told(id).slice(3)).toEqual(['kill 15', 'kill 9', 'die 137', 'disconnect', 'stop']);
  });

  test.each<{ what: string; wish: ContainerWish; options?: { seconds: number }; waits: number }>([
    { what: '10 s if nothing is said', wish: {}, waits: 10_000 },
    { what: 'as long as its configuration says', wish: { config: { StopTimeout: 2 } }, waits: 2000 },
    { what: 'as long as the request says', wish: { config: { StopTimeout: 2 } }, options: { seconds: 5 }, waits: 5000 },
    { what: 'not at all', wish: {}, options: { seconds: 0 }, waits: 0 },
  ])('a stop waits $what', async ({ wish, options, waits }) => {
    const world = await World.start();
    await world.run('web', { command: 'stubborn', ...wish });
    const start = world.clock.milliseconds();
    await world.during(world.engine.containers.stop('web', options));
    expect(world.clock.milliseconds() - start).toBe(waits);
  });

  test('the signal to stop is the request’s, else the container’s own', async () => {
    const world = await World.start();
    const id = await world.run('web', { config: { StopSignal: 'SIGQUIT' } });
    await world.engine.containers.stop('web');
    await world.engine.containers.start('web');
    await world.engine.containers.stop('web', { signal: 'INT' });
    expect(world.told(id).filter((text) => text.startsWith('kill'))).toEqual(['kill 3', 'kill 2']);
  });

  test('kill sends any signal, and waits for the end that SIGKILL brings', async () => {
    const world = await World.start();
    const id = await world.run('web', { command: 'stubborn' });
    await world.engine.containers.kill('web', 'SIGWINCH');
    await world.engine.containers.kill('web', '15');
    expect(world.status('web')).toBe('running');
    await world.engine.containers.kill('web', '');
    expect(world.status('web')).toBe('exited');
    expect(world.told(id).slice(3)).toEqual(['kill 28', 'kill 15', 'kill 9', 'die 137', 'disconnect']);
  });

  test('restart stops and starts, whether it ran or not', async () => {
    const world = await World.start();
    const id = await world.run('web');
    await world.engine.containers.restart('web');
    const { pid } = state(world, 'web');
    expect(pid).toBe(1001);
    expect(world.told(id).slice(3)).toEqual([
      'kill 15',
      'die 143',
      'disconnect',
      'stop',
      'connect',
      'start',
      'restart',
    ]);
    await world.engine.containers.stop('web');
    await world.engine.containers.restart('web');
    expect(world.status('web')).toBe('running');
    await world.expectSound();
  });

  test('a paused one waits; a stop thaws it first', async () => {
    const world = await World.start();
    const id = await world.run('web');
    await world.engine.containers.pause('web');
    expect(world.status('web')).toBe('paused');
    await world.expectSound();
    await world.engine.containers.unpause('web');
    expect(world.status('web')).toBe('running');
    await world.engine.containers.pause('web');
    await world.engine.containers.stop('web');
    expect(world.status('web')).toBe('exited');
    expect(world.told(id).slice(3)).toEqual([
      'pause',
      'unpause',
      'pause',
      'kill 15',
      'unpause',
      'die 143',
      'disconnect',
      'stop',
    ]);
  });

  test('a paused one that is killed is thawed without a word', async () => {
    const world = await World.start();
    const id = await world.run('web');
    await world.engine.containers.pause('web');
    await world.engine.containers.kill('web', 'KILL');
    expect(world.status('web')).toBe('exited');
    expect(world.told(id).slice(3)).toEqual(['pause', 'kill 9', 'die 137', 'disconnect']);
  });

  test('one that removes itself outlives a restart, and no other end', async () => {
    const world = await World.start();
    await world.run('web', { remove: true });
    await world.engine.containers.restart('web');
    expect(world.status('web')).toBe('running');
    await world.engine.containers.stop('web');
    await world.settle();
    expect(world.engine.containers.list()).toEqual([]);
  });

  test('one whose program is missing tells why, and is as good as never started', async () => {
    const world = await World.start();
    const id = await world.create('web', { command: 'missing' });
    await expect(world.engine.containers.start('web')).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('executable file not found'),
    });
    expect(state(world, 'web')).toMatchObject({ status: 'created', exitCode: 127 });
    expect(world.told(id)).not.toContain('start');
    await world.expectSound();
  });

  test('one that could not be started again has ended as it ended before', async () => {
    const world = await World.start();
    await world.network('net');
    await world.run('web', { network: 'net' });
    await world.engine.containers.kill('web', 'KILL');
    await world.engine.networks.remove('net');
    await expect(world.engine.containers.start('web')).rejects.toThrow('not found');
    expect(state(world, 'web')).toMatchObject({ status: 'exited', exitCode: 137 });
  });

  test('its output and its exit are kept', async () => {
    const world = await World.start();
    const id = await world.run('web');
    world.runtime.write(id, 'hello\n');
    world.runtime.end(id, 7);
    await world.settle();
    const text: string[] = [];
    const query = { stdout: true, stderr: true, follow: true };
    for await (const { data } of world.engine.containers.logs('web', query)) text.push(new TextDecoder().decode(data));
    expect(text).toEqual(['hello\n']);
    expect(state(world, 'web')).toMatchObject({ status: 'exited', exitCode: 7, oomKilled: false });
  });
});

describe('restart policies', () => {
  test('the pause before each restart doubles, up to a minute, and is forgotten after a steady run', async () => {
    const world = await World.start();
    const id = await world.run('web', { restart: 'always' });
    const pauses: number[] = [];
    for (let restarts = 1; restarts <= 12; restarts++) {
      world.runtime.end(id, 1);
      await world.settle();
      expect(world.status('web')).toBe('restarting');
      const start = world.clock.milliseconds();
      while (world.status('web') === 'restarting') await world.pass(100);
      pauses.push(world.clock.milliseconds() - start);
      expect(world.engine.containers.get('web').container.restartCount).toBe(restarts);
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
    await world.pass(10_000);
    world.runtime.end(id, 1);
    await world.pass(100);
    expect(world.status('web')).toBe('running');
    await world.expectSound();
  });

  test.each<{ restart: string; exitCode: number; again: boolean }>([
    { restart: 'no', exitCode: 1, again: false },
    { restart: 'always', exitCode: 0, again: true },
    { restart: 'unless-stopped', exitCode: 0, again: true },
    { restart: 'on-failure', exitCode: 0, again: false },
    { restart: 'on-failure', exitCode: 1, again: true },
  ])('$restart after exit $exitCode: $again', async ({ restart, exitCode, again }) => {
    const world = await World.start();
    const id = await world.run('web', { restart });
    world.runtime.end(id, exitCode);
    await world.pass(100);
    expect(world.status('web')).toBe(again ? 'running' : 'exited');
  });

  test('on-failure gives up after its number of tries', async () => {
    const world = await World.start();
    await world.run('web', { restart: 'on-failure:3', command: 'false' });
    await world.pass(60_000);
    expect(world.engine.containers.get('web').container).toMatchObject({
      restartCount: 3,
      state: { status: 'exited', exitCode: 1 },
    });
    await world.expectSound();
  });

  test('what its user stopped stays so, also while it waits for its restart', async () => {
    const world = await World.start();
    const id = await world.run('web', { restart: 'always' });
    await world.run('app', { restart: 'always', command: 'false' });
    await world.engine.containers.stop('web');
    expect(world.status('app')).toBe('restarting');
    await world.engine.containers.stop('app');
    await world.pass(120_000);
    expect([world.status('web'), world.status('app')]).toEqual(['exited', 'exited']);
    expect(world.told(id).filter((text) => text === 'start')).toHaveLength(1);
  });

  test.each<{ restart: string; stopped: boolean; after: string }>([
    { restart: 'no', stopped: false, after: 'exited' },
    { restart: 'always', stopped: false, after: 'running' },
    { restart: 'always', stopped: true, after: 'running' },
    { restart: 'unless-stopped', stopped: false, after: 'running' },
    { restart: 'unless-stopped', stopped: true, after: 'exited' },
    { restart: 'on-failure', stopped: false, after: 'running' },
  ])('a new engine and $restart, stopped before: $stopped', async ({ restart, stopped, after }) => {
    const world = await World.start();
    const id = await world.run('web', { restart });
    if (stopped) await world.engine.containers.stop('web');
    await world.engine.close();
    if (!stopped) world.runtime.end(id, 1);
    await world.startAnew();
    expect(world.status('web')).toBe(after);
    await world.expectSound();
  });
});

describe('wait', () => {
  test.each<{ condition: WaitCondition; ends: readonly ('exit' | 'removal')[] }>([
    { condition: 'not-running', ends: ['exit'] },
    { condition: 'next-exit', ends: ['exit'] },
    { condition: 'removed', ends: ['exit', 'removal'] },
  ])('for $condition', async ({ condition, ends }) => {
    const world = await World.start();
    const id = await world.run('web');
    let exitCode: number | undefined;
    const waiting = world.engine.containers.wait('web', condition).then((exit) => (exitCode = exit.exitCode));
    await world.settle();
    expect(exitCode).toBeUndefined();
    world.runtime.end(id, 5);
    await world.settle();
    expect(exitCode).toBe(ends.includes('removal') ? undefined : 5);
    await world.engine.containers.remove('web', STOP);
    expect(await waiting).toBe(5);
  });

  test('not-running is true already of one that has not started; next-exit is not', async () => {
    const world = await World.start();
    await world.create('web', { command: 'false' });
    expect(await world.engine.containers.wait('web', 'not-running')).toMatchObject({ exitCode: 0 });
    const next = world.engine.containers.wait('web', 'next-exit');
    await world.engine.containers.start('web');
    expect(await next).toMatchObject({ exitCode: 1 });
  });

  test('a removal ends all waiting', async () => {
    const world = await World.start();
    await world.create('web');
    const waiting = (['next-exit', 'removed'] as const).map((condition) =>
      world.engine.containers.wait('web', condition),
    );
    await world.engine.containers.remove('web', STOP);
    expect(await Promise.all(waiting)).toHaveLength(2);
  });
});

describe('remove', () => {
  test('takes the volumes that nobody named with it if asked, and no others', async () => {
    const world = await World.start();
    const wish = { config: { Image: 'registry:2' }, host: { Binds: ['data:/data'] } };
    await world.create('one', wish);
    await world.create('two', wish);
    const volumes = async () =>
      (await world.volumes.list()).map(({ anonymous, name }) => (anonymous ? '?' : name)).sort();
    expect(await volumes()).toEqual(['?', '?', 'data']);
    await world.engine.containers.remove('one', { force: false, volumes: true });
    expect(await volumes()).toEqual(['?', 'data']);
    await world.engine.containers.remove('two', { force: false, volumes: false });
    expect(await volumes()).toEqual(['?', 'data']);
  });

  test('leaves a nameless volume that another container has too', async () => {
    const world = await World.start();
    await world.create('one', { config: { Image: 'registry:2' } });
    await world.create('two', { host: { VolumesFrom: ['one'] } });
    await world.engine.containers.remove('one', { force: false, volumes: true });
    expect(await world.volumes.list()).toHaveLength(1);
    await world.engine.containers.remove('two', { force: false, volumes: true });
    expect(await world.volumes.list()).toEqual([]);
  });

  test('one that removes itself goes when it ends, with its nameless volumes', async () => {
    const world = await World.start();
    const id = await world.run('web', { remove: true, config: { Image: 'registry:2' } });
    const removed = world.engine.containers.wait('web', 'removed');
    world.runtime.end(id, 4);
    expect(await removed).toMatchObject({ exitCode: 4 });
    expect(world.engine.containers.list()).toEqual([]);
    expect(await world.volumes.list()).toEqual([]);
    expect(world.told(id).slice(-3)).toEqual(['die 4', 'disconnect', 'destroy']);
    await world.expectSound();
  });

  test('one that removes itself goes when it cannot be started', async () => {
    const world = await World.start();
    await expect(world.run('web', { remove: true, command: 'missing' })).rejects.toThrow('not found');
    expect(world.engine.containers.list()).toEqual([]);
    await world.expectSound();
  });

  test('a prune takes all that do not run', async () => {
    const world = await World.start();
    await world.run('running');
    const created = await world.create('created');
    const exited = await world.run('exited', { command: 'true' });
    await world.create('kept', { config: { Labels: { keep: '' } } });
    await world.settle();
    expect(await world.engine.containers.prune({ labels: [], withoutLabels: ['keep'] })).toEqual([exited, created]);
    expect(world.engine.containers.list().map(({ container }) => container.name)).toEqual(['running', 'kept']);
  });
});

test('rename: the new name counts everywhere, and is told', async () => {
  const world = await World.start();
  await world.network('net');
  const id = await world.run('web', { network: 'net' });
  const { sandbox } = world.engine.containers.get('web');
  await world.engine.containers.rename('web', '/site');
  expect(world.engine.containers.get('site').container.id).toBe(id);
  expect(world.engine.directory.lookup(sandbox!.id, 'site')?.ipv4).toEqual(['172.18.0.2']);
  expect(world.engine.directory.lookup(sandbox!.id, 'web')).toBeUndefined();
  expect(world.events.at(-1)).toMatchObject({ action: 'rename', attributes: { name: 'site', oldName: '/web' } });
  await world.create('web');
  await world.expectSound();
});

describe('exec', () => {
  const SPEC = { args: ['serve'], tty: false, env: [], user: '', workingDir: '', privileged: false, stdin: false };

  test('is made, started once, remembered with its exit code, and forgotten with its container', async () => {
    const world = await World.start();
    const id = await world.run('web');
    const exec = await world.engine.containers.createExec('web', { ...SPEC, args: ['false', 'x'] });
    expect(world.engine.containers.getExec(exec)).toMatchObject({ running: false, exitCode: null, pid: 0 });
    const process = await world.engine.containers.startExec(exec, { tty: false });
    expect(await process.exited).toBe(1);
    await world.settle();
    expect(world.engine.containers.getExec(exec)).toMatchObject({ running: false, exitCode: 1, pid: process.pid });
    expect(world.engine.containers.get('web').execIds).toEqual([exec]);
    expect(world.told(id).slice(3)).toEqual(['exec_create: false x', 'exec_start: false x', 'exec_die 1']);
    await world.engine.containers.createExec('web', SPEC);
    expect(world.told(id).at(-1)).toBe('exec_create: serve ');
    await expect(world.engine.containers.startExec(exec, { tty: false })).rejects.toMatchObject({
      code: 'conflict',
      message: `Error: Exec command ${exec} has already run`,
    });
    await world.engine.containers.remove('web', { force: true, volumes: false });
    expect(() => world.engine.containers.getExec(exec)).toThrow(`No such exec instance: ${exec}`);
  });

  test('ends with its container', async () => {
    const world = await World.start();
    const id = await world.run('web');
    const exec = await world.engine.containers.createExec('web', SPEC);
    await world.engine.containers.startExec(exec, { tty: false });
    expect(world.engine.containers.getExec(exec).running).toBe(true);
    world.runtime.end(id, 0);
    await world.settle();
    expect(world.engine.containers.getExec(exec)).toMatchObject({ running: false, exitCode: 137 });
  });

  test('of what cannot be run has the exit code of a shell', async () => {
    const world = await World.start();
    await world.run('web');
    const exec = await world.engine.containers.createExec('web', { ...SPEC, args: ['missing'] });
    await expect(world.engine.containers.startExec(exec, { tty: false })).rejects.toThrow('not found');
    expect(world.engine.containers.getExec(exec)).toMatchObject({ running: false, exitCode: 127 });
  });
});

describe('refused in Docker’s words, and nothing has changed', () => {
  const on = async (): Promise<World> => {
    const world = await World.start();
    await world.run('web');
    await world.create('idle');
    await world.run('frozen');
    await world.engine.containers.pause('frozen');
    await world.run('looping', { restart: 'always', command: 'false' });
    await world.settle();
    return world;
  };
  const create =
    (wish: ContainerWish, name = 'new') =>
    (world: World) =>
      world.engine.containers.create(containerRequest(name, wish));

  test.each<{ what: string; run: (world: World) => unknown; code: string; text: string }>([
    {
      what: 'a container that is missing',
      run: ({ engine }) => engine.containers.get('nobody'),
      code: 'not-found',
      text: 'No such container: nobody',
    },
    {
      what: 'an image that is missing',
      run: create({ config: { Image: 'nothing' } }),
      code: 'not-found',
      text: 'No such image: nothing:latest',
    },
    {
      what: 'a name that is taken',
      run: create({}, 'web'),
      code: 'conflict',
      text: 'Conflict. The container name "/web" is already in use by container "WEB". You have to remove (or rename) that container to be able to reuse that name.',
    },
    {
      what: 'a name that is none',
      run: create({}, 'a b'),
      code: 'invalid',
      text: 'Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed',
    },
    {
      what: 'a port that is none, for a name that is taken and an image that is missing: the port is told first',
      run: create({ config: { Image: 'missing' }, ports: ['70000:80'] }, 'web'),
      code: 'invalid',
      text: 'invalid port specification: "70000"',
    },
    {
      what: 'an image that is missing, for a name that is taken: the image is told first',
      run: create({ config: { Image: 'missing' } }, 'web'),
      code: 'not-found',
      text: 'No such image: missing:latest',
    },
    {
      what: 'nothing to run',
      run: create({ config: { Image: 'busybox', Cmd: null, Entrypoint: [''] } }),
      code: 'invalid',
      text: 'No command specified',
    },
    {
      what: 'a restart policy that is none',
      run: create({ restart: 'often' }),
      code: 'invalid',
      text: "invalid restart policy 'often'",
    },
    {
      what: 'tries with a policy that has none',
      run: create({ restart: 'always:3' }),
      code: 'invalid',
      text: "maximum retry count cannot be used with restart policy 'always'",
    },
    {
      what: 'removing itself and restarting',
      run: create({ restart: 'always', remove: true }),
      code: 'invalid',
      text: "can't create 'AutoRemove' container with restart policy",
    },
    {
      what: 'starting twice',
      run: ({ engine }) => engine.containers.start('web'),
      code: 'not-modified',
      text: 'container WEB is already running',
    },
    {
      what: 'starting a paused one',
      run: ({ engine }) => engine.containers.start('frozen'),
      code: 'conflict',
      text: 'cannot start a paused container, try unpause instead',
    },
    {
      what: 'stopping what does not run',
      run: ({ engine }) => engine.containers.stop('idle'),
      code: 'not-modified',
      text: 'container IDLE is not running',
    },
    {
      what: 'killing what does not run',
      run: ({ engine }) => engine.containers.kill('idle', 'TERM'),
      code: 'conflict',
      text: 'Cannot kill container: idle: Container IDLE is not running',
    },
    {
      what: 'a signal that is none',
      run: ({ engine }) => engine.containers.kill('web', 'NOPE'),
      code: 'invalid',
      text: 'Invalid signal: NOPE',
    },
    {
      what: 'pausing twice',
      run: ({ engine }) => engine.containers.pause('frozen'),
      code: 'conflict',
      text: 'Container FROZEN is already paused',
    },
    {
      what: 'pausing what does not run',
      run: ({ engine }) => engine.containers.pause('idle'),
      code: 'conflict',
      text: 'Container IDLE is not running',
    },
    {
      what: 'thawing what is not paused',
      run: ({ engine }) => engine.containers.unpause('web'),
      code: 'conflict',
      text: 'Container WEB is not paused',
    },
    {
      what: 'removing a running one',
      run: ({ engine }) => engine.containers.remove('web', STOP),
      code: 'conflict',
      text: 'You cannot remove a running container WEB. Stop the container before attempting removal or force remove',
    },
    {
      what: 'removing a paused one',
      run: ({ engine }) => engine.containers.remove('frozen', STOP),
      code: 'conflict',
      text: 'You cannot remove a paused container FROZEN. Unpause and then stop the container before attempting removal or force remove',
    },
    {
      what: 'removing one that restarts',
      run: ({ engine }) => engine.containers.remove('looping', STOP),
      code: 'conflict',
      text: 'You cannot remove a restarting container LOOPING. Stop the container before attempting removal or force remove',
    },
    {
      what: 'renaming to a name that is taken',
      run: ({ engine }) => engine.containers.rename('web', 'idle'),
      code: 'conflict',
      text: 'Error when allocating new name: Conflict. The container name "/idle" is already in use by container "IDLE". You have to remove (or rename) that container to be able to reuse that name.',
    },
    {
      what: 'renaming to what is no name',
      run: ({ engine }) => engine.containers.rename('web', '-bad-'),
      code: 'invalid',
      text: 'Error when allocating new name: Invalid container name (/-bad-), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed',
    },
    {
      what: 'renaming to nothing',
      run: ({ engine }) => engine.containers.rename('web', ''),
      code: 'invalid',
      text: 'Neither old nor new names may be empty',
    },
    {
      what: 'renaming to its own name',
      run: ({ engine }) => engine.containers.rename('web', 'web'),
      code: 'invalid',
      text: 'Renaming a container with the same name as its current name',
    },
    {
      what: 'a command in what does not run',
      run: ({ engine }) =>
        engine.containers.createExec('idle', {
          args: ['x'],
          tty: false,
          env: [],
          user: '',
          workingDir: '',
          privileged: false,
          stdin: false,
        }),
      code: 'conflict',
      text: 'Container IDLE is not running',
    },
  ])('$what', async ({ run, code, text }) => {
    const world = await on();
    const before = await world.state();
    const message = text.replace(
      /WEB|IDLE|FROZEN|LOOPING/g,
      (name) => world.engine.containers.get(name.toLowerCase()).container.id,
    );
    const refused = async (): Promise<unknown> => run(world);
    await expect(refused()).rejects.toMatchObject({ code, message });
    expect(await world.state()).toEqual(before);
  });
});
