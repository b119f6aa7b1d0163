/** The same daemon asked by docker and by us: the same text and status, the program's name apart. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeDaemon, refusal } from '../support/fake-daemon.ts';
import { runPasserelle } from '../support/passerelle.ts';
import type { Outcome } from '../support/passerelle.ts';

const version = spawnSync('docker', ['--version'], { encoding: 'utf8' }).stdout ?? '';
/** Texts of usage mistakes and help changed with docker 28. */
const isNew = Number(/version (\d+)/.exec(version)?.[1] ?? 0) >= 28;

const folder = mkdtempSync(join(tmpdir(), 'passerelle-docker-'));
const daemon = new FakeDaemon(join(folder, 'daemon.sock'));

const id = (letter: string): string => letter.repeat(64);

const NETWORKS = ['net-test', 'bridge', 'b10', 'b9'].map((Name, index) => ({
  Name,
  Id: id('abcd'[index]!),
  Created: '2026-01-01T00:00:00.5Z',
  Scope: 'local',
  Driver: 'bridge',
  EnableIPv4: true,
  EnableIPv6: index === 1,
  IPAM: { Driver: 'default', Options: null, Config: [{ Subnet: '172.18.0.0/16', Gateway: '172.18.0.1' }] },
  Internal: index === 0,
  Attachable: false,
  Ingress: false,
  ConfigFrom: { Network: '' },
  ConfigOnly: false,
  Containers: {},
  Options: {},
  Labels: index === 0 ? { a: '1', b: '2' } : {},
}));

const seconds = (ago: number): number => Math.floor(Date.now() / 1000) - ago;

const container = (letter: string, more: object) => ({
  Id: id(letter),
  Names: [`/${letter}-1`],
  Image: 'registry:2.7.1',
  ImageID: `sha256:${id('e')}`,
  Command: '/entrypoint.sh /etc/docker/registry/config.yml',
  Created: seconds(7300),
  State: 'running',
  Status: 'Up 2 hours',
  Ports: [],
  Labels: {},
  HostConfig: { NetworkMode: 'default' },
  NetworkSettings: { Networks: {} },
  Mounts: [],
  ...more,
});

const port = (PrivatePort: number, PublicPort?: number, IP?: string, Type = 'tcp') => ({
  PrivatePort,
  Type,
  ...(PublicPort && { PublicPort }),
  ...(IP && { IP }),
});

const CONTAINERS = [
  container('a', {
    Ports: [
      port(5000, 5000, '0.0.0.0'),
      port(5000, 5000, '::'),
      port(80, 8080, '127.0.0.1'),
      port(81, 8081, '127.0.0.1'),
      port(9000),
      port(9001),
      port(53, 53, '0.0.0.0', 'udp'),
      port(54, 54, '0.0.0.0', 'udp'),
    ],
    Names: ['/other/alias', '/a-1'],
    Labels: { x: '1' },
    NetworkSettings: { Networks: { bridge: {} } },
  }),
  container('b', {
    Image: id('e'),
    Command: 'sh',
    State: 'exited',
    Status: 'Exited (0) 5 minutes ago',
    Mounts: [{ Type: 'volume', Name: 'a-volume-with-a-long-name', Source: '/x', Driver: 'local' }],
  }),
];

const IMAGES = [
  {
    Id: `sha256:${id('a')}`,
    RepoTags: ['localhost:5000/box:2'],
    RepoDigests: [],
    Created: seconds(100),
    Size: 1_983_000,
    SharedSize: -1,
    Containers: -1,
    Labels: null,
    ParentId: '',
    VirtualSize: 1_983_000,
  },
  {
    Id: `sha256:${id('b')}`,
    RepoTags: ['<none>:<none>'],
    RepoDigests: ['<none>@<none>'],
    Created: seconds(86400 * 40),
    Size: 26_200_000,
    SharedSize: -1,
    Containers: -1,
    Labels: null,
    ParentId: '',
    VirtualSize: 26_200_000,
  },
];

const VOLUMES = {
  Volumes: [
    {
      Name: 'data',
      Driver: 'local',
      Mountpoint: '/v/data',
      Scope: 'local',
      Labels: null,
      Options: null,
      CreatedAt: '2026-01-01T00:00:00Z',
    },
  ],
  Warnings: null,
};

beforeAll(async () => {
  await daemon.start();
  daemon.answers = {
    'GET /networks': NETWORKS,
    'GET /networks/net-test': NETWORKS[0],
    'GET /networks/nope': refusal(404, 'network nope not found'),
    'GET /containers/json': CONTAINERS,
    'GET /containers/json?all=1': CONTAINERS,
    'GET /images/json': IMAGES,
    'GET /volumes': VOLUMES,
    'DELETE /networks/net-test': '',
    'DELETE /networks/nope': refusal(404, 'network nope not found'),
    'POST /containers/a/stop': '',
    'POST /containers/nope/stop': refusal(404, 'No such container: nope'),
    'GET /containers/nope/json': refusal(404, 'No such container: nope'),
    'POST /containers/create': refusal(400, 'invalid reference format'),
  };
});

afterAll(async () => {
  await daemon.stop();
  rmSync(folder, { recursive: true });
});

async function docker(words: readonly string[]): Promise<Outcome> {
  return await new Promise((resolve) => {
    const environment = { ...process.env, DOCKER_HOST: `unix://${daemon.socket}`, DOCKER_CONFIG: folder };
    execFile('docker', [...words], { env: environment }, (error, out, err) =>
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
  });
}

const passerelle = (words: readonly string[]) =>
  runPasserelle(words, folder, { DOCKER_HOST: `unix://${daemon.socket}` }, '', Date.now());

/** The program's name is the one difference that is meant. */
const renamed = ({ status, out, err }: Outcome): Outcome => ({
  status,
  out: out.replaceAll('docker', 'passerelle'),
  err: err.replaceAll('docker', 'passerelle'),
});

describe.skipIf(version === '')(`beside ${version.trim()}`, () => {
  test.each([
    'network ls',
    'network ls -q --no-trunc',
    'network ls --format table',
    'network inspect net-test',
    'network inspect net-test nope',
    'ps',
    'ps -a',
    'ps -q',
    'ps -a --no-trunc',
    'images',
    'images -q',
    'images --no-trunc --digests',
    'volume ls',
    'volume ls -q',
    'stop a nope',
    'container inspect nope',
  ])('%s', async (line) => {
    expect(await passerelle(line.split(' '))).toEqual(await docker(line.split(' ')));
  });

  test.each([
    [['network', 'ls', '--format', '{{.ID}}: {{.Name}} {{.IPv6}} {{.Internal}} {{.Label "a"}} {{.CreatedAt}}']],
    [['network', 'ls', '--format', String.raw`table {{.Name}}\t{{upper .Driver}}\t{{.Scope}}`]],
    [['network', 'ls', '--format', '{{.Foo}}']],
    [['network', 'inspect', '-f', '{{.Name}} {{json .Labels}} {{range .IPAM.Config}}{{.Subnet}}{{end}}', 'net-test']],
    [['network', 'inspect', '-f', '{{.Foo}}', 'net-test']],
    [
      [
        'ps',
        '--format',
        '{{.Names}}|{{.Ports}}|{{.Networks}}|{{.Mounts}}|{{.LocalVolumes}}|{{.State}}|{{.RunningFor}}',
      ],
    ],
    [['ps', '--format', String.raw`table {{.Names}}\t{{.Status}}`]],
    [['images', '--format', '{{.Repository}}:{{.Tag}} {{.Size}} {{.CreatedSince}}']],
  ])('%j', async (words) => {
    expect(await passerelle(words)).toEqual(await docker(words));
  });

  test
    .skipIf(!isNew)
    .each([
      'foo',
      'network foo',
      'network create',
      'network create a b',
      'network create --zzz x',
      'run -p',
      'network ls x',
      'rm',
    ])('mistake: %s', async (line) => {
    expect(await passerelle(line.split(' '))).toEqual(renamed(await docker(line.split(' '))));
  });

  test('network rm: docker says `exit status 1` besides', async () => {
    const [ours, theirs] = [
      await passerelle(['network', 'rm', 'net-test', 'nope']),
      await docker(['network', 'rm', 'net-test', 'nope']),
    ];
    expect(ours).toEqual({ ...theirs, err: theirs.err.replace(/\n?exit status 1\n$/, '\n').replace(/\n+$/, '\n') });
  });

  test.skipIf(!isNew)('run that is refused', async () => {
    const words = ['run', '-d', '--pull', 'never', 'Bad'];
    expect((await passerelle(words)).status).toBe((await docker(words)).status);
  });

  test.skipIf(!isNew)('help of a command has the same options in the same layout', async () => {
    const [ours, theirs] = await Promise.all([
      passerelle(['network', 'connect', '--help']),
      docker(['network', 'connect', '--help']),
    ]);
    const options = theirs.out.split('Options:\n')[1]!.trimEnd().split('\n');
    expect(ours.out.split('\n')).toEqual(expect.arrayContaining(options));
  });
});
