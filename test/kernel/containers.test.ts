/** Containers, images and volumes as the docker command line uses them. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;
const IMAGE = 'busybox:1.36';

beforeAll(async () => {
  stage = await Stage.set('passerelle-cont');
  await stage.startDaemon();
  await loadBusybox(stage);
});

afterAll(() => stage.close());

const docker = (...args: string[]): Promise<string> => stage.docker(...args);
const attempt = (...args: string[]): ReturnType<Stage['outside']> => stage.outside(stage.client, args);

describe('running a command', () => {
  test.each([
    ['gives its output and its exit code', ['sh', '-c', 'echo out; echo err >&2; exit 3'], 3, 'out\n', 'err\n'],
    ['127 for what does not exist', ['nothing-of-that-name'], 127, '', 'executable file not found'],
    ['126 for what cannot be executed', ['/etc/hosts'], 126, '', 'permission denied'],
  ])('%s', async (_, command, code, stdout, stderr) => {
    const result = await attempt('run', '--rm', IMAGE, ...command);
    expect(result.code).toBe(code);
    expect(result.stdout).toBe(stdout);
    expect(result.stderr).toContain(stderr);
  });

  test('takes its input to the end', async () => {
    const input = 'x'.repeat(300_000);
    const { stdout } = await stage.outside(stage.client, ['run', '--rm', '-i', IMAGE, 'wc', '-c'], { input });
    expect(stdout.trim()).toBe('300000');
  });

  test('on a terminal: its size, a prompt, keys', async () => {
    const script = spawn(
      'script',
      ['-qec', `stty rows 31 cols 91; ${stage.client} run --rm -it ${IMAGE} sh`, '/dev/null'],
      {
        env: { ...process.env, DOCKER_HOST: stage.dockerHost, TERM: 'xterm' },
      },
    );
    let seen = '';
    script.stdout.on('data', (data: Buffer) => (seen += data.toString()));
    const until = async (text: string | RegExp): Promise<void> => {
      for (let i = 0; i < 100 && !(typeof text === 'string' ? seen.includes(text) : text.test(seen)); i++)
        await sleep(50);
      expect(seen).toMatch(text);
    };
    await until('/ # ');
    script.stdin.write('stty size; tty\n');
    await until('31 91');
    await until('/dev/pts/0');
    script.stdin.write('exit 5\n');
    expect(await new Promise((done) => script.once('close', done))).toBe(5);
  });

  test('env, user, working directory, hostname, labels, extra hosts', async () => {
    const out = await docker(
      'run',
      '--rm',
      '-e',
      'A=b c',
      '-u',
      '1000:1001',
      '-w',
      '/tmp',
      '-h',
      'named',
      '--add-host',
      'friend:10.1.2.3',
      IMAGE,
      'sh',
      '-c',
      'echo "$A"; id -u; id -g; pwd; hostname; grep friend /etc/hosts; cat /etc/hostname',
    );
    expect(out.split('\n')).toEqual(['b c', '1000', '1001', '/tmp', 'named', '10.1.2.3\tfriend', 'named']);
  });
});

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

describe('a container’s life', () => {
  test('create, start, inspect, top, pause, rename, restart, stop, logs, remove', async () => {
    const id = await docker(
      'create',
      '--name',
      'life',
      IMAGE,
      'sh',
      '-c',
      'trap "echo bye; exit 0" TERM; echo hello; while :; do sleep 0.1; done',
    );
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await docker('inspect', '-f', '{{.State.Status}}', 'life')).toBe('created');
    await docker('start', 'life');
    expect(await docker('top', 'life')).toContain('while :');
    await docker('pause', 'life');
    expect(await docker('ps', '--format', '{{.Status}}', '--filter', 'name=life')).toContain('(Paused)');
    await docker('unpause', 'life');
    await docker('rename', 'life', 'later');
    expect((await attempt('inspect', 'life')).code).toBe(1);
    await docker('restart', 'later');
    await docker('stop', 'later');
    expect(await docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'later')).toBe('exited 0');
    expect(await docker('logs', 'later')).toBe('hello\nbye\nhello\nbye');
    expect(await docker('logs', '--tail', '1', 'later')).toBe('bye');
    expect(await docker('logs', '-t', '--tail', '1', 'later')).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z bye$/);
    expect((await attempt('rm', 'later')).code).toBe(0);
    expect(await docker('ps', '-aq')).toBe('');
  });

  test('logs are followed to the end', async () => {
    await docker('run', '-d', '--name', 'talk', IMAGE, 'sh', '-c', 'for i in 1 2 3; do echo $i; sleep 0.2; done');
    expect(await docker('logs', '-f', 'talk')).toBe('1\n2\n3');
    await docker('wait', 'talk');
    await docker('rm', 'talk');
  });

  test('attach shows what comes, and wait gives the exit code', async () => {
    await docker('run', '-d', '-i', '--name', 'att', IMAGE, 'sh', '-c', 'read word; echo $word; exit 4');
    const waiting = docker('wait', 'att');
    const attached = await stage.outside(stage.client, ['attach', 'att'], { input: 'later\n' });
    const waited = await waiting;
    expect(attached.stdout).toBe('later\n');
    expect(attached.code).toBe(4);
    expect(waited).toBe('4');
    await docker('rm', 'att');
  });

  test('exec: output, input, exit code, user, environment', async () => {
    await docker('run', '-d', '--name', 'ex', IMAGE, 'sleep', '100');
    expect(await docker('exec', '-e', 'X=1', '-u', '7', '-w', '/bin', 'ex', 'sh', '-c', 'echo $X $(id -u) $PWD')).toBe(
      '1 7 /bin',
    );
    expect((await attempt('exec', 'ex', 'sh', '-c', 'exit 9')).code).toBe(9);
    expect((await stage.outside(stage.client, ['exec', '-i', 'ex', 'cat'], { input: 'through' })).stdout).toBe(
      'through',
    );
    expect((await attempt('exec', 'ex', 'nothing')).code).not.toBe(0);
    await docker('rm', '-f', 'ex');
  });

  test('restart policies: on-failure so many times; always until it is stopped', async () => {
    await docker('run', '-d', '--name', 'fails', '--restart', 'on-failure:2', IMAGE, 'sh', '-c', 'echo again; exit 1');
    for (let i = 0; i < 60 && (await docker('inspect', '-f', '{{.State.Status}}', 'fails')) !== 'exited'; i++)
      await sleep(100);
    expect(await docker('inspect', '-f', '{{.RestartCount}} {{.State.Status}}', 'fails')).toBe('2 exited');
    expect(await docker('logs', 'fails')).toBe('again\nagain\nagain');
    await docker('run', '-d', '--name', 'ever', '--restart', 'always', IMAGE, 'sleep', '1000');
    const pid = await docker('inspect', '-f', '{{.State.Pid}}', 'ever');
    process.kill(Number(pid), 'SIGKILL');
    for (let i = 0; i < 60 && Number(await docker('inspect', '-f', '{{.RestartCount}}', 'ever')) < 1; i++)
      await sleep(100);
    expect(await docker('inspect', '-f', '{{.State.Running}}', 'ever')).toBe('true');
    await docker('stop', '-t', '0', 'ever');
    await sleep(400);
    expect(await docker('inspect', '-f', '{{.State.Status}}', 'ever')).toBe('exited');
    await docker('rm', 'fails', 'ever');
  });

  test('events tell it in order', async () => {
    const since = Math.floor(Date.now() / 1000) - 1;
    await docker('network', 'create', 'told');
    await docker('run', '--rm', '--name', 'told', '--network', 'told', IMAGE, 'true');
    await docker('network', 'rm', 'told');
    await sleep(1000);
    const out = await docker(
      'events',
      '--since',
      String(since),
      '--until',
      String(Math.floor(Date.now() / 1000)),
      '--format',
      '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}',
    );
    expect(out.split('\n').filter((line) => line.endsWith(' told'))).toEqual([
      'network create told',
      'container create told',
      'container attach told',
      'network connect told',
      'container start told',
      'container die told',
      'network disconnect told',
      'container destroy told',
      'network destroy told',
    ]);
  });

  test('no zombie is left', async () => {
    const { stdout } = await stage.outside('ps', ['-o', 'stat=,ppid=', '--ppid', await daemonPid()]);
    expect(stdout.split('\n').filter((line) => line.trim().startsWith('Z'))).toEqual([]);
  });
});

async function daemonPid(): Promise<string> {
  // The daemon is what nsenter became.
  return String(stage.daemonPid);
}

describe('images', () => {
  test('import, tag, save, remove, load', async () => {
    const tar = join(stage.directory, 'root.tar');
    await docker('create', '--name', 'source', IMAGE);
    await docker('export', '-o', tar, 'source');
    await docker('rm', 'source');
    expect(await docker('import', '-c', 'CMD ["echo", "imported"]', tar, 'made:here')).toMatch(/^sha256:/);
    expect(await docker('run', '--rm', 'made:here')).toBe('imported');
    await docker('tag', 'made:here', 'other/name:v1');
    const archive = join(stage.directory, 'saved.tar');
    await docker('save', '-o', archive, 'made:here', 'other/name:v1');
    await docker('rmi', 'made:here', 'other/name:v1');
    expect((await attempt('image', 'inspect', 'made:here')).code).toBe(1);
    expect(await docker('load', '-i', archive)).toContain('Loaded image');
    expect(await docker('images', '--format', '{{.Repository}}:{{.Tag}}')).toContain('other/name:v1');
    await docker('rmi', 'made:here', 'other/name:v1');
  });

  test('an image in use is not removed', async () => {
    await docker('create', '--name', 'uses', IMAGE);
    const { code, stderr } = await attempt('rmi', IMAGE);
    expect(code).toBe(1);
    expect(stderr).toContain('conflict');
    await docker('rm', 'uses');
  });

  test('what is missing is said as docker says it', async () => {
    const { code, stderr } = await attempt('run', '--rm', '127.0.0.1:1/nothing:here', 'true');
    expect(code).toBe(125);
    expect(stderr).toContain("Unable to find image '127.0.0.1:1/nothing:here' locally");
  });
});

describe('volumes and files', () => {
  test('a bind mount, read-only too', async () => {
    await writeFile(join(stage.directory, 'given'), 'from the host');
    expect(await docker('run', '--rm', '-v', `${stage.directory}/given:/given:ro`, IMAGE, 'cat', '/given')).toBe(
      'from the host',
    );
    expect(
      (await attempt('run', '--rm', '-v', `${stage.directory}/given:/given:ro`, IMAGE, 'sh', '-c', 'echo x > /given'))
        .code,
    ).not.toBe(0);
  });

  test('a named volume keeps what is in it; an anonymous one goes with its container', async () => {
    await docker('run', '--rm', '-v', 'keep:/data', IMAGE, 'sh', '-c', 'echo kept > /data/file');
    expect(await docker('run', '--rm', '-v', 'keep:/data', IMAGE, 'cat', '/data/file')).toBe('kept');
    await docker('run', '--rm', '-v', '/anonymous', IMAGE, 'true');
    expect(await docker('volume', 'ls', '-q')).toBe('keep');
    expect((await attempt('volume', 'rm', 'nothing')).code).toBe(1);
    await docker('volume', 'rm', 'keep');
  });

  test('files are copied in and out', async () => {
    await docker('create', '--name', 'files', IMAGE, 'cat', '/in');
    await writeFile(join(stage.directory, 'in'), 'copied in');
    await docker('cp', `${stage.directory}/in`, 'files:/in');
    expect(await docker('start', '-a', 'files')).toBe('copied in');
    await docker('cp', 'files:/in', `${stage.directory}/out`);
    expect((await stage.outside('cat', [`${stage.directory}/out`])).stdout).toBe('copied in');
    expect(await docker('diff', 'files')).toContain('A /in');
    await docker('rm', 'files');
  });
});
