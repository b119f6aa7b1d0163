import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FakeDaemon, refusal } from '../../test/support/fake-daemon.ts';
import { runPasserelle } from '../../test/support/passerelle.ts';

/** A frame of the multiplexed stream. */
function frame(stream: 1 | 2, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

const folder = mkdtempSync(join(tmpdir(), 'passerelle-cli-'));
const daemon = new FakeDaemon(join(folder, 'daemon.sock'));
beforeAll(() => daemon.start());
afterAll(async () => {
  await daemon.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  daemon.requests.length = 0;
  daemon.answers = {};
});

const passerelle = (words: readonly string[], input = '', environment: Record<string, string> = {}) =>
  runPasserelle(words, folder, { PASSERELLE_HOST: `unix://${daemon.socket}`, ...environment }, input);

const asked = (): string[] => daemon.requests.map((request) => request.line);

const NETWORKS = [
  {
    Name: 'net-test',
    Id: 'b'.repeat(64),
    Created: '2026-01-01T00:00:00.5Z',
    Scope: 'local',
    Driver: 'bridge',
    EnableIPv6: false,
    Internal: false,
    Labels: { a: '1' },
  },
  {
    Name: 'bridge',
    Id: 'a'.repeat(64),
    Created: '2026-01-01T00:00:00Z',
    Scope: 'local',
    Driver: 'bridge',
    EnableIPv6: false,
    Internal: false,
    Labels: {},
  },
];

describe('network', () => {
  test('ls', async () => {
    daemon.answers = { 'GET /networks': NETWORKS };
    expect(await passerelle(['network', 'ls'])).toEqual({
      status: 0,
      err: '',
      out: `NETWORK ID     NAME       DRIVER    SCOPE
aaaaaaaaaaaa   bridge     bridge    local
bbbbbbbbbbbb   net-test   bridge    local
`,
    });
  });

  test.each([
    [['-q'], 'aaaaaaaaaaaa\nbbbbbbbbbbbb\n'],
    [['-q', '--no-trunc'], `${'a'.repeat(64)}\n${'b'.repeat(64)}\n`],
    [['--format', '{{.Name}}:{{.Label "a"}}'], 'bridge:\nnet-test:1\n'],
    [
      ['--format', 'table {{.Name}}\\t{{json .Driver}}'],
      'NAME       DRIVER\nbridge     "bridge"\nnet-test   "bridge"\n',
    ],
    [['--format', '{{json .Name}}'], '"bridge"\n"net-test"\n'],
  ])('ls %j', async (flags, out) => {
    daemon.answers = { 'GET /networks': NETWORKS };
    expect((await passerelle(['network', 'ls', ...flags])).out).toBe(out);
  });

  test('ls with filters', async () => {
    daemon.answers = { 'GET /networks?filters={"driver":["bridge"],"label":["a=1","b"]}': [] };
    const { out } = await passerelle([
      'network',
      'ls',
      '-f',
      'driver=bridge',
      '--filter',
      'label=a=1',
      '--filter=label=b',
    ]);
    expect(out).toBe('NETWORK ID   NAME      DRIVER    SCOPE\n');
    expect(await passerelle(['network', 'ls', '-f', 'x'])).toMatchObject({ status: 125 });
  });

  test('create', async () => {
    daemon.answers = { 'POST /networks/create': { Id: 'c'.repeat(64), Warning: 'careful' } };
    const words =
      'network create -d bridge --subnet 10.5.0.0/16,fd00::/64 --gateway 10.5.0.1 --ip-range 10.5.1.0/24 --aux-address r=fd00::5 --ipv6 --internal --label a=1 --label b -o x=y net';
    expect(await passerelle(words.split(' '))).toEqual({
      status: 0,
      out: `${'c'.repeat(64)}\n`,
      err: 'WARNING: careful\n',
    });
    expect(daemon.requests[0]!.body).toEqual({
      Name: 'net',
      CheckDuplicate: true,
      Driver: 'bridge',
      Scope: '',
      EnableIPv6: true,
      IPAM: {
        Driver: 'default',
        Options: {},
        Config: [
          { Subnet: '10.5.0.0/16', IPRange: '10.5.1.0/24', Gateway: '10.5.0.1' },
          { Subnet: 'fd00::/64', AuxiliaryAddresses: { r: 'fd00::5' } },
        ],
      },
      Internal: true,
      Attachable: false,
      Ingress: false,
      ConfigOnly: false,
      ConfigFrom: null,
      Options: { x: 'y' },
      Labels: { a: '1', b: '' },
    });
  });

  test.each([
    [['--gateway', '10.0.0.1'], 'every ip-range or gateway must have a corresponding subnet\n'],
    [['--subnet', '10.5.0.0/16', '--gateway', '10.6.0.1'], 'no matching subnet for gateway 10.6.0.1\n'],
    [['--subnet', '10.5.0.0/16', '--aux-address', 'a=10.6.0.1'], 'no matching subnet for aux-address 10.6.0.1\n'],
  ])('create %j is refused here', async (flags, err) => {
    expect(await passerelle(['network', 'create', ...flags, 'n'])).toEqual({ status: 1, out: '', err });
    expect(asked()).toEqual([]);
  });

  test('inspect prints what the daemon says, and then what it does not find', async () => {
    daemon.answers = {
      'GET /networks/a': Buffer.from('{"2":1,"1":{"Options":{}}}\n'),
      'GET /networks/b': refusal(404, 'network b not found'),
    };
    expect(await passerelle(['network', 'inspect', 'a', 'b'])).toEqual({
      status: 1,
      out: '[\n    {\n        "2": 1,\n        "1": {\n            "Options": {}\n        }\n    }\n]\n',
      err: 'Error response from daemon: network b not found\n',
    });
    expect((await passerelle(['network', 'inspect', '-f', '{{json .}}', 'a'])).out).toBe(
      '{"1":{"Options":{}},"2":1}\n',
    );
    expect(await passerelle(['network', 'inspect', '-f', '{{.Foo}}', 'a'])).toMatchObject({
      status: 1,
      err: 'template parsing error: template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"\n',
    });
  });

  test('rm goes on after a refusal', async () => {
    daemon.answers = { 'DELETE /networks/a': refusal(403, 'a has active endpoints'), 'DELETE /networks/b/c': '' };
    expect(await passerelle(['network', 'rm', 'a', 'b/c'])).toEqual({
      status: 1,
      out: 'b/c\n',
      err: 'Error response from daemon: a has active endpoints\n',
    });
  });

  test('connect and disconnect', async () => {
    daemon.answers = { 'POST /networks/n/connect': '', 'POST /networks/n/disconnect': '' };
    await passerelle(
      'network connect --ip 10.5.0.9 --alias a,b --link x:y --gw-priority -1 --driver-opt k=v n web'.split(' '),
    );
    await passerelle(['network', 'disconnect', '-f', 'n', 'web']);
    expect(daemon.requests.map((request) => request.body)).toEqual([
      {
        Container: 'web',
        EndpointConfig: {
          IPAMConfig: { IPv4Address: '10.5.0.9' },
          Links: ['x:y'],
          Aliases: ['a', 'b'],
          DriverOpts: { k: 'v' },
          GwPriority: -1,
        },
      },
      { Container: 'web', Force: true },
    ]);
  });

  test('prune asks first', async () => {
    daemon.answers = { 'POST /networks/prune': { NetworksDeleted: ['a', 'b'] } };
    const question =
      'WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue? [y/N] ';
    expect((await passerelle(['network', 'prune'], 'n\n')).status).toBe(1);
    expect(asked()).toEqual([]);
    expect((await passerelle(['network', 'prune'], 'y\n')).out).toBe(`${question}Deleted Networks:\na\nb\n\n`);
    expect((await passerelle(['network', 'prune', '-f'])).out).toBe('Deleted Networks:\na\nb\n\n');
  });

  test('dry runs say what would be done and why, and only Passerelle is asked for them', async () => {
    const owner = { kind: 'network', id: '1', name: 'n' };
    const object = {
      kind: 'link',
      type: 'bridge',
      namespace: 'host',
      name: 'br-1',
      up: true,
      owner,
      why: 'the bridge of n',
    };
    const planning = (status: number, ...steps: object[]): void => {
      const answers = [{ status, body: status < 400 ? '' : '{"message":"no"}' }];
      daemon.answers = {
        'GET /version': { Platform: { Name: 'Passerelle' } },
        'POST /passerelle/plan': { answers, steps },
      };
    };
    planning(204, { op: 'remove', object });
    const shown = '  - bridge br-1\n      network n: the bridge of n\n\nPlan: 0 to add, 0 to change, 1 to remove.\n';
    expect(await passerelle(['network', 'rm', '--dry-run', 'n'])).toEqual({ status: 2, out: shown, err: '' });
    expect(await passerelle(['plan', 'network', 'rm', 'n'])).toEqual({ status: 2, out: shown, err: '' });
    const { status, out } = await passerelle(['plan', '--json', 'network', 'rm', 'n']);
    expect([status, JSON.parse(out)]).toMatchObject([2, { summary: { remove: 1 }, steps: [{ op: 'remove', owner }] }]);
    planning(204);
    const nothing = 'No changes: the host is as it would be.\n';
    expect(await passerelle(['plan', 'network', 'rm', 'n'])).toEqual({ status: 0, out: nothing, err: '' });
    planning(404);
    expect(await passerelle(['plan', 'network', 'rm', 'n'])).toMatchObject({ status: 1, out: '' });
    daemon.answers = { 'GET /version': { Platform: { Name: 'Docker Engine' } } };
    expect(await passerelle(['network', 'rm', '--dry-run', 'n'])).toMatchObject({ status: 1 });
    expect(asked().filter((line) => line.startsWith('DELETE'))).toEqual([]);
  });
});

const CREATED = { Id: 'd'.repeat(64), Warnings: [] };

describe('run', () => {
  const attach = `POST /containers/${CREATED.Id}/attach?stream=1&stdout=1&stderr=1`;
  const attached = (exit: number, output = Buffer.concat([frame(1, 'out\n'), frame(2, 'err\n')])) => ({
    'POST /containers/create': CREATED,
    [attach]: output,
    [`POST /containers/${CREATED.Id}/wait?condition=next-exit`]: { StatusCode: exit },
    [`POST /containers/${CREATED.Id}/start`]: '',
  });

  test('shows both outputs and ends with the status of the container', async () => {
    daemon.answers = attached(7);
    expect(await passerelle(['run', 'busybox', 'sh', '-c', 'exit 7'])).toEqual({
      status: 7,
      out: 'out\n',
      err: 'err\n',
    });
    expect(asked()).toEqual([
      'POST /containers/create',
      attach,
      `POST /containers/${CREATED.Id}/wait?condition=next-exit`,
      `POST /containers/${CREATED.Id}/start`,
    ]);
  });

  test("pulls what is missing, in docker's words", async () => {
    let asked = 0;
    daemon.answers = {
      ...attached(0),
      'POST /containers/create': () => (asked++ === 0 ? refusal(404, 'No such image: busybox:latest') : CREATED),
      'POST /images/create?fromImage=busybox&tag=latest': Buffer.from(
        '{"status":"Pulling from library/busybox","id":"latest"}\n{"status":"Status: Downloaded newer image for busybox:latest"}\n',
      ),
    };
    expect(await passerelle(['run', 'busybox'])).toEqual({
      status: 0,
      out: 'out\n',
      err: "Unable to find image 'busybox:latest' locally\nlatest: Pulling from library/busybox\nStatus: Downloaded newer image for busybox:latest\nerr\n",
    });
  });

  test.each([
    ['exec: "nope": executable file not found in $PATH: unknown', 127],
    ['exec: "/etc": permission denied: unknown', 126],
    ['driver failed programming external connectivity on endpoint x', 125],
  ])('%s ends with %d', async (message, status) => {
    daemon.answers = {
      ...attached(0, Buffer.alloc(0)),
      [`POST /containers/${CREATED.Id}/start`]: refusal(500, message),
    };
    const outcome = await passerelle(['run', 'busybox', 'nope']);
    expect(outcome.status).toBe(status);
    expect(outcome.err).toBe(
      `passerelle: Error response from daemon: ${message}\n\nRun 'passerelle run --help' for more information\n`,
    );
  });

  test('a pull that fails says so', async () => {
    daemon.answers = {
      'POST /containers/create': refusal(404, 'No such image: nope:1'),
      'POST /images/create?fromImage=nope&tag=1': Buffer.from(
        '{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}\n',
      ),
    };
    expect(await passerelle(['run', 'nope:1'])).toMatchObject({
      status: 125,
      err: expect.stringContaining('manifest unknown') as string,
    });
  });

  test('sends what its flags say, and connects further networks one at a time', async () => {
    writeFileSync(join(folder, 'env'), '# comment\nFILE=1\nHOSTED\n');
    daemon.answers = {
      'POST /containers/create?name=web': CREATED,
      'POST /networks/other/connect': '',
      [`POST /containers/${CREATED.Id}/start`]: '',
    };
    const words = `run -d --name web -p 8080:80 -p 127.0.0.1:53:53/udp --expose 9000-9001 --network name=lab,ip=10.5.0.9,alias=db --network other --network-alias extra
      -e A=1 -e HOSTED --env-file ${folder}/env -v ./data:/data -v /anon --mount type=tmpfs,target=/t,tmpfs-size=1m --entrypoint /bin/sh -u 1000 -w /w -l a=b --restart on-failure:3
      --dns 1.1.1.1 --add-host a:1.2.3.4 --cap-add NET_ADMIN -m 64m --cpus 0.5 --tmpfs /run:size=1m --ulimit nofile=10:20 --sysctl net.core.somaxconn=1 --init --stop-timeout 3 busybox -c true`;
    expect(await passerelle(words.split(/\s+/), '', { HOSTED: 'yes' })).toEqual({
      status: 0,
      out: `${CREATED.Id}\n`,
      err: '',
    });
    expect(daemon.requests[0]!.body).toMatchObject({
      Image: 'busybox',
      Cmd: ['-c', 'true'],
      Entrypoint: ['/bin/sh'],
      Env: ['FILE=1', 'HOSTED=yes', 'A=1', 'HOSTED=yes'],
      ExposedPorts: { '80/tcp': {}, '53/udp': {}, '9000/tcp': {}, '9001/tcp': {} },
      Volumes: { '/anon': {} },
      Labels: { a: 'b' },
      User: '1000',
      WorkingDir: '/w',
      StopTimeout: 3,
      HostConfig: {
        NetworkMode: 'lab',
        PortBindings: {
          '80/tcp': [{ HostIp: '', HostPort: '8080' }],
          '53/udp': [{ HostIp: '127.0.0.1', HostPort: '53' }],
        },
        Binds: [`${folder}/data:/data`],
        Mounts: [{ Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1048576 } }],
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
        Dns: ['1.1.1.1'],
        ExtraHosts: ['a:1.2.3.4'],
        CapAdd: ['NET_ADMIN'],
        Memory: 67108864,
        NanoCpus: 500000000,
        Tmpfs: { '/run': 'size=1m' },
        Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
        Sysctls: { 'net.core.somaxconn': '1' },
        Init: true,
      },
      NetworkingConfig: {
        EndpointsConfig: { lab: { IPAMConfig: { IPv4Address: '10.5.0.9' }, Aliases: ['db', 'extra'] } },
      },
    });
    expect(daemon.requests[1]!.body).toEqual({ Container: CREATED.Id, EndpointConfig: {} });
  });

  test.each([
    [['-p', 'a:b', 'x'], 125, 'invalid argument "a:b" for "-p, --publish" flag: Invalid port "a:b"'],
    [['--network', 'name=a,foo=b', 'x'], 125, 'invalid field foo'],
    [['--mount', 'type=bind,target=/x', 'x'], 125, 'source is required'],
    [['--memory', 'lots', 'x'], 125, "invalid size: 'lots'"],
    [['--env-file', '/none', 'x'], 125, 'open /none: no such file or directory'],
    [['--rm', '--restart', 'always', 'x'], 125, 'conflicting options: cannot specify both --restart and --rm'],
    [['-it', 'x'], 1, 'the input device is not a TTY'],
  ])('%j is refused with %d: %s', async (words, status, message) => {
    const outcome = await passerelle(['run', ...words]);
    expect(outcome).toMatchObject({ status, err: expect.stringContaining(message) as string });
    expect(asked()).toEqual([]);
  });
});

describe('mistakes', () => {
  test.each([
    [['foo'], 1, "passerelle: unknown command: passerelle foo\n\nRun 'passerelle --help' for more information\n"],
    [['constructor'], 1, 'passerelle: unknown command: passerelle constructor\n'],
    [
      ['network', 'foo'],
      1,
      "passerelle: unknown command: passerelle network foo\n\nUsage:  passerelle network\n\nRun 'passerelle network --help' for more information\n",
    ],
    [
      ['network', 'create'],
      1,
      "passerelle: 'passerelle network create' requires 1 argument\n\nUsage:  passerelle network create [OPTIONS] NETWORK\n\nRun 'passerelle network create --help' for more information\n",
    ],
    [['network', 'ls', 'x'], 1, "passerelle: 'passerelle network ls' accepts no arguments\n"],
    [['run'], 1, "passerelle: 'passerelle run' requires at least 1 argument\n"],
    [
      ['network', 'create', '--zzz', 'x'],
      125,
      "unknown flag: --zzz\n\nUsage:  passerelle network create [OPTIONS] NETWORK\n\nRun 'passerelle network create --help' for more information\n",
    ],
    [['--zzz'], 125, 'unknown flag: --zzz\n'],
    [['-H', 'nonsense', 'ps'], 1, 'unable to parse docker host `nonsense`'],
    [['ps', '--format', '{{.Names'], 1, 'template parsing error: template: :1: unclosed action\n'],
    [['inspect', 'nope'], 1, 'Error: No such object: nope\n'],
  ])('%j', async (words, status, err) => {
    daemon.answers = { 'GET /containers/json': [] };
    const outcome = await passerelle(words);
    expect(outcome.status).toBe(status);
    expect(outcome.err).toContain(err);
  });

  test('no daemon: what to do', async () => {
    const outcome = await passerelle(['-H', `unix://${folder}/none.sock`, 'ps']);
    expect(outcome.status).toBe(1);
    expect(outcome.err).toBe(
      `Cannot connect to the Passerelle daemon at unix://${folder}/none.sock. Is it running?\nStart it with \`passerelle daemon\`, or say where it listens with -H or PASSERELLE_HOST.\n`,
    );
  });

  test('DOCKER_HOST is heard where PASSERELLE_HOST is silent', async () => {
    const outcome = await passerelle(['ps'], '', { PASSERELLE_HOST: '', DOCKER_HOST: `unix://${folder}/other.sock` });
    expect(outcome.err).toContain('other.sock');
  });
});

describe('help', () => {
  test('every command has a summary, examples, and help', async () => {
    const { COMMANDS, GROUPS } = await import('./registry.ts');
    for (const entries of [COMMANDS, GROUPS])
      for (const [name, entry] of Object.entries(entries)) {
        const found = await entry.load();
        expect(found, name).toMatchObject({ summary: entry.summary });
        for (const command of 'commands' in found ? found.commands : [found]) {
          expect(command.examples.length, command.name).toBeGreaterThan(0);
          const { status, out } = await passerelle([
            ...('commands' in found && !command.name.startsWith(`${name} `) ? [name] : []),
            ...command.name.split(' '),
            '--help',
          ]);
          expect(status, command.name).toBe(0);
          expect(out, command.name).toContain(`Usage:  passerelle`);
          expect(out, command.name).toContain('Examples:');
        }
      }
  });

  test.each([[[]], [['--help']], [['help']], [['-h']]])('%j shows all commands', async (words) => {
    expect((await passerelle(words)).out).toContain('Management Commands:\n  compose');
  });
});

describe('compose', () => {
  const FILE = 'services: {web: {image: busybox, ports: ["5000:5000"]}}';
  const present = {
    'GET /networks': [],
    'GET /volumes': { Volumes: null },
    'GET /images/busybox/json': { Id: 'sha256:1' },
    'GET /containers/json?all=1&filters={"label":["com.docker.compose.project=tc-infra-base"]}': [],
  };

  test('up -d', async () => {
    writeFileSync(join(folder, 'docker-compose.yml'), FILE);
    daemon.answers = {
      ...present,
      'POST /networks/create': { Id: '1' },
      'POST /containers/create?name=tc-infra-base_web_1': CREATED,
      'POST /containers/tc-infra-base_web_1/start': '',
    };
    expect(await passerelle(['compose', '-p', 'tc-infra-base', 'up', '-d'])).toEqual({
      status: 0,
      out: '',
      err: 'Creating network "tc-infra-base_default" with the default driver\nCreating tc-infra-base_web_1 ... \nCreating tc-infra-base_web_1 ... done\n',
    });
    expect(asked().slice(-3)).toEqual([
      'POST /networks/create',
      'POST /containers/create?name=tc-infra-base_web_1',
      'POST /containers/tc-infra-base_web_1/start',
    ]);
  });

  test('a service that cannot start is an error, with the reason', async () => {
    writeFileSync(join(folder, 'docker-compose.yml'), FILE);
    daemon.answers = {
      ...present,
      'POST /networks/create': { Id: '1' },
      'POST /containers/create?name=tc-infra-base_web_1': CREATED,
      'POST /containers/tc-infra-base_web_1/start': refusal(500, 'port is already allocated'),
    };
    const { status, err } = await passerelle(['compose', 'up', '-d', '-p', 'tc-infra-base']);
    expect(status).toBe(1);
    expect(err).toContain(`Creating tc-infra-base_web_1 ... error

ERROR: for tc-infra-base_web_1  Cannot start service web: port is already allocated
ERROR: Encountered errors while bringing up the project.
`);
  });

  test('a wrong file', async () => {
    writeFileSync(join(folder, 'docker-compose.yml'), 'services:\n  web:\n    image: x\n    foo: 1\n');
    expect(await passerelle(['compose', 'config'])).toEqual({
      status: 1,
      out: '',
      err: "ERROR: The Compose file 'docker-compose.yml' is invalid because:\nUnsupported config option for services.web: 'foo'\n  at docker-compose.yml:4:5 (services.web.foo)\n",
    });
  });

  test('-f before and after the command', async () => {
    writeFileSync(join(folder, 'a.yml'), FILE);
    for (const words of [
      ['-f', 'a.yml', 'config', '--services'],
      ['config', '-f', 'a.yml', '--services'],
    ])
      expect((await passerelle(['compose', ...words])).out).toBe('web\n');
  });
});
