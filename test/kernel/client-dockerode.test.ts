/** dockerode, unchanged, against the daemon. */
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import Docker from 'dockerode';
import tar from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

const IMAGE = 'busybox:1.36';
let stage: Stage;
let docker: Docker;

beforeAll(async () => {
  stage = await Stage.set('passerelle-node');
  await stage.startDaemon();
  await loadBusybox(stage);
  docker = new Docker({ socketPath: stage.socket });
});

afterAll(() => stage.close());

/** What a multiplexed stream carries, until it ends. */
async function demuxed(stream: NodeJS.ReadableStream): Promise<{ out: string; err: string }> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  docker.modem.demuxStream(stream, out, err);
  stream.on('end', () => [out, err].forEach((each) => each.end()));
  const [outText, errText] = await Promise.all([text(out), text(err)]);
  return { out: outText, err: errText };
}

async function started(options: Partial<Docker.ContainerCreateOptions> = {}): Promise<Docker.Container> {
  const container = await docker.createContainer({ Image: IMAGE, Cmd: ['sleep', '1000'], ...options });
  await container.start();
  return container;
}

const refusal = (statusCode: number, message: string | RegExp) =>
  expect.objectContaining({ statusCode, message: expect.stringMatching(message) as string });

describe('networks', () => {
  test('created with IPAM, connected to with aliases and addresses, inspected, left, removed', async () => {
    const network = await docker.createNetwork({
      Name: 'lan',
      CheckDuplicate: true,
      IPAM: {
        Driver: 'default',
        Config: [
          {
            Subnet: '10.77.0.0/16',
            IPRange: '10.77.5.0/24',
            Gateway: '10.77.0.1',
            AuxiliaryAddresses: { a: '10.77.5.1' },
          },
        ],
      },
      Options: { 'com.docker.network.bridge.name': 'lan0' },
      Labels: { of: 'dockerode' },
    });
    const web = await started({ name: 'web' });
    await network.connect({
      Container: web.id,
      EndpointConfig: { Aliases: ['www'], IPAMConfig: { IPv4Address: '10.77.1.9' } },
    });
    const box = await started({ name: 'box', HostConfig: { NetworkMode: 'lan' } });
    const view: Docker.NetworkInspectInfo = await network.inspect();
    expect(view).toMatchObject({
      Name: 'lan',
      Driver: 'bridge',
      IPAM: { Config: [{ Subnet: '10.77.0.0/16', IPRange: '10.77.5.0/24', Gateway: '10.77.0.1' }] },
      Labels: { of: 'dockerode' },
      Containers: {
        [web.id]: { Name: 'web', IPv4Address: '10.77.1.9/16', MacAddress: '02:42:0a:4d:01:09' },
        [box.id]: { Name: 'box', IPv4Address: '10.77.5.0/16' },
      },
    });
    expect((await web.inspect()).NetworkSettings.Networks['lan']).toMatchObject({
      IPAddress: '10.77.1.9',
      Gateway: '10.77.0.1',
      Aliases: expect.arrayContaining(['www']) as string[],
    });
    const exec = await box.exec({ Cmd: ['ping', '-c1', '-W2', 'www'], AttachStdout: true, AttachStderr: true });
    expect((await demuxed(await exec.start({}))).out).toContain('10.77.1.9');
    expect((await docker.listNetworks({ filters: { label: ['of=dockerode'] } })).map(({ Name }) => Name)).toEqual([
      'lan',
    ]);
    await expect(network.remove()).rejects.toEqual(refusal(403, 'has active endpoints'));
    await network.disconnect({ Container: web.id });
    await expect(network.disconnect({ Container: web.id })).rejects.toEqual(refusal(500, 'is not connected'));
    await box.remove({ force: true });
    await network.remove();
    await expect(network.inspect()).rejects.toEqual(refusal(404, 'not found'));
    await web.remove({ force: true });
  });

  test('what cannot be is refused with status and reason', async () => {
    await expect(docker.createNetwork({ Name: 'bridge', CheckDuplicate: true })).rejects.toEqual(
      refusal(403, 'not permitted on predefined bridge network'),
    );
    await expect(docker.createNetwork({ Name: 'x', Driver: 'nothing' })).rejects.toEqual(
      refusal(404, 'plugin "nothing" not found'),
    );
    await expect(
      docker.createNetwork({ Name: 'x', IPAM: { Driver: 'default', Config: [{ Subnet: '172.17.0.0/24' }] } }),
    ).rejects.toEqual(refusal(403, 'Pool overlaps with other one on this address space'));
  });

  test('pruned', async () => {
    await docker.createNetwork({ Name: 'idle', Labels: { idle: '1' } });
    await docker.createNetwork({ Name: 'kept' });
    expect(await docker.pruneNetworks({ filters: { label: ['idle'] } })).toMatchObject({ NetworksDeleted: ['idle'] });
    await docker.getNetwork('kept').remove();
  });
});

describe('containers', () => {
  test('a life: create, attach, start, wait, logs, remove, told as events', async () => {
    const events = (await docker.getEvents({ filters: { type: ['container'] } })) as NodeJS.ReadableStream & {
      destroy(): void;
    };
    let told = '';
    events.on('data', (data: Buffer) => (told += data.toString()));
    const container = await docker.createContainer({
      Image: IMAGE,
      name: 'life',
      Cmd: ['sh', '-c', 'read line; echo got $line; echo oops >&2; exit 3'],
      OpenStdin: true,
      StdinOnce: true,
      Labels: { a: 'b' },
    });
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
    const output = demuxed(stream);
    await container.start();
    const end = container.wait() as Promise<unknown>;
    stream.write('words\n');
    expect(await end).toMatchObject({ StatusCode: 3 });
    expect(await output).toEqual({ out: 'got words\n', err: 'oops\n' });
    expect((await container.inspect()).State).toMatchObject({ Status: 'exited', ExitCode: 3, Running: false });
    const logs = await container.logs({ stdout: true, stderr: true, timestamps: true });
    expect(logs.toString()).toMatch(/\d{4}-\d\d-\d\dT[\d:.]+Z got words\n/);
    await container.remove();
    await expect(container.inspect()).rejects.toEqual(refusal(404, 'No such container'));
    await expect.poll(() => told).toContain('"destroy"');
    const actions = told
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { Action: string }).Action);
    expect(actions).toEqual(['create', 'attach', 'start', 'die', 'destroy']);
    events.destroy();
  });

  test('exec: both streams apart, input, exit code', async () => {
    const container = await started();
    const exec = await container.exec({
      Cmd: ['sh', '-c', 'cat; echo err >&2; exit 7'],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Env: ['X=1'],
    });
    const stream = await exec.start({ hijack: true, stdin: true });
    const output = demuxed(stream);
    stream.end('x'.repeat(200_000));
    const { out, err } = await output;
    expect([out.length, err]).toEqual([200_000, 'err\n']);
    expect(await exec.inspect()).toMatchObject({ ExitCode: 7, Running: false, ContainerID: container.id });
    await container.remove({ force: true });
  });

  test('logs are followed while they come, and to the end', async () => {
    const container = await started({ Cmd: ['sh', '-c', 'for i in 1 2 3; do echo $i; sleep 0.2; done'] });
    const logs = await container.logs({ follow: true, stdout: true, stderr: true });
    expect((await demuxed(logs)).out).toBe('1\n2\n3\n');
    await container.remove({ force: true });
  });

  test('a terminal: one raw stream, and its size', async () => {
    const container = await docker.createContainer({ Image: IMAGE, Tty: true, OpenStdin: true, Cmd: ['sh'] });
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
    let seen = '';
    stream.on('data', (data: Buffer) => (seen += data.toString()));
    await container.start();
    await container.resize({ h: 33, w: 99 });
    stream.write('stty size\n');
    await expect.poll(() => seen).toContain('33 99');
    const end = once(stream, 'end');
    stream.write('exit\n');
    await end;
    await container.remove({ force: true });
  });

  test('stop, restart, pause, kill, rename, update, stats, top, list', async () => {
    const container = await started({ name: 'old' });
    await container.pause();
    expect((await container.inspect()).State.Status).toBe('paused');
    await container.unpause();
    await container.rename({ name: 'new' });
    await container.update({ Memory: 64 << 20, MemorySwap: -1 });
    expect((await container.inspect()).HostConfig.Memory).toBe(64 << 20);
    expect(((await container.top({ ps_args: 'aux' })) as { Processes: string[][] }).Processes).toHaveLength(1);
    expect(await container.stats({ stream: false })).toMatchObject({ memory_stats: { limit: 64 << 20 } });
    await container.restart({ t: 0 });
    expect(await docker.listContainers({ filters: { name: ['new'] } })).toMatchObject([
      { Names: ['/new'], State: 'running' },
    ]);
    await container.stop({ t: 0 });
    await expect(container.stop()).rejects.toEqual(refusal(304, 'already stopped'));
    await expect(container.kill()).rejects.toEqual(refusal(409, 'is not running'));
    expect(await docker.pruneContainers()).toMatchObject({ ContainersDeleted: [container.id] });
  });

  test('archives put in and taken out', async () => {
    const container = await docker.createContainer({ Image: IMAGE, Cmd: ['cat', '/tmp/in'] });
    const pack = tar.pack();
    pack.entry({ name: 'in', mode: 0o640 }, 'packed');
    pack.finalize();
    await container.putArchive(await buffer(pack), { path: '/tmp' });
    const found = tar.extract();
    (await container.getArchive({ path: '/tmp/in' })).pipe(found);
    for await (const entry of found) expect([entry.header.name, await text(entry)]).toEqual(['in', 'packed']);
    await expect(container.getArchive({ path: '/nothing' })).rejects.toEqual(
      refusal(404, 'Could not find the file /nothing'),
    );
    await container.remove();
  });
});

describe('images', () => {
  test('loaded, inspected, tagged, listed, removed', async () => {
    const answer = await docker.loadImage(join(stage.directory, 'busybox.tar'));
    expect(await text(answer)).toContain('Loaded image');
    const image = docker.getImage(IMAGE);
    await image.tag({ repo: 'mine', tag: 'now' });
    const { Id, RepoTags } = await image.inspect();
    expect(RepoTags).toEqual(expect.arrayContaining([IMAGE, 'mine:now']));
    expect((await docker.listImages({ filters: { reference: ['mine'] } })).map((each) => each.Id)).toEqual([Id]);
    expect(await docker.getImage('mine:now').remove()).toEqual([{ Untagged: 'mine:now' }]);
    expect(await image.history()).not.toHaveLength(0);
    await expect(docker.getImage('nothing').inspect()).rejects.toEqual(refusal(404, 'No such image: nothing'));
  });

  test('run in one call', async () => {
    const out = new PassThrough();
    const output = text(out);
    const [result] = (await docker.run(IMAGE, ['echo', 'at once'], out, {
      HostConfig: { AutoRemove: true },
      Tty: false,
    })) as [{ StatusCode: number }];
    out.end();
    expect(result).toMatchObject({ StatusCode: 0 });
    expect(await output).toContain('at once');
  });
});

test('volumes: created, inspected, listed, removed; version, info and ping', async () => {
  await docker.createVolume({ Name: 'data', Labels: { a: 'b' } });
  expect(await docker.getVolume('data').inspect()).toMatchObject({ Name: 'data', Driver: 'local', Labels: { a: 'b' } });
  expect((await docker.listVolumes()).Volumes.map(({ Name }) => Name)).toEqual(['data']);
  await docker.getVolume('data').remove();
  expect(await docker.version()).toMatchObject({ Os: 'linux' });
  expect(await docker.info()).toMatchObject({ OSType: 'linux' });
  expect(String(await docker.ping())).toBe('OK');
});
