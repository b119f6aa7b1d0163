/** Unmodified clients against the API over fakes. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from './testing/fake-services.ts';

const run = promisify(execFile);

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi();
});

afterAll(() => api.close());

describe('dockerode', () => {
  const collect = (docker: Docker, stream: NodeJS.ReadableStream): { readonly stdout: () => string } => {
    let text = '';
    const sink = new PassThrough();
    sink.on('data', (chunk: Buffer) => (text += chunk.toString()));
    docker.modem.demuxStream(stream, sink, sink);
    return { stdout: () => text };
  };

  test.each([
    { hijack: true, stdin: true },
    { hijack: false, stdin: true },
  ])('exec with its input %j', async (how) => {
    const docker = new Docker({ socketPath: api.socket });
    const container = await docker.createContainer({ Image: 'busybox:1', Cmd: ['cat'] });
    await container.start();
    const exec = await container.exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true });
    const stream = await exec.start(how);
    const output = collect(docker, stream);
    stream.write('to exec\n');
    await expect.poll(output.stdout).toBe('to exec\n');
    api.engine.cats.get(exec.id)!.kill(0);
    await once(stream, 'end');
    expect(await exec.inspect()).toMatchObject({ ExitCode: 0 });
  });

  test('attach, wait and remove', async () => {
    const docker = new Docker({ socketPath: api.socket });
    const container = await docker.createContainer({ Image: 'busybox:1', Cmd: ['cat'], OpenStdin: true });
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
    const output = collect(docker, stream);
    await container.start();
    const waiting: Promise<unknown> = container.wait();
    stream.end('hello\n');
    expect(await waiting).toMatchObject({ StatusCode: 0 });
    await expect.poll(output.stdout).toBe('hello\nbye\n');
    await container.remove();
  });
});

// 28, and Debian's 20.10: the API is served from 1.21 on.
describe.each(['/usr/local/bin/docker', '/usr/bin/docker'].filter((path) => existsSync(path)))('%s', (docker) => {
  const cli = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
    run(docker, args, { env: { ...process.env, DOCKER_HOST: `unix://${api.socket}` } });

  test('lists networks', async () => {
    const { stdout } = await cli('network', 'ls', '--format', '{{.Name}}/{{.Driver}}/{{.Scope}}');
    expect(stdout.split('\n').slice(0, 3)).toEqual(['bridge/bridge/local', 'host/host/local', 'none/null/local']);
  });

  test('runs a container with input, and ends with its exit code', async () => {
    const child = spawn(docker, ['-H', `unix://${api.socket}`, 'run', '-i', 'busybox:1', 'cat']);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stdin.end('piped\n');
    const [code] = (await once(child, 'close')) as [number];
    expect([code, text]).toEqual([0, 'piped\n']);
  });

  test('tells refusals in their own words', async () => {
    await expect(cli('network', 'inspect', 'nope')).rejects.toThrow(/network nope not found|No such network: nope/);
    await expect(cli('rm', 'nope')).rejects.toThrow('No such container: nope');
    await expect(cli('swarm', 'leave')).rejects.toThrow('This node is not part of a swarm');
  });

  test('version and info', async () => {
    expect((await cli('version', '--format', '{{.Server.Version}}')).stdout).toBe('0.1.0\n');
    expect((await cli('info', '--format', '{{.OperatingSystem}}')).stdout).toBe('Debian\n');
  });
});
