import { describe, expect, test } from 'vitest';
import { planDown } from './down.ts';
import * as label from './labels.ts';
import { loadProject } from './load.ts';
import type { Present, PresentContainer } from './present.ts';
import type { Project } from './project.ts';
import type { EngineCall, Task } from './task.ts';
import { planUp } from './up.ts';
import type { UpOptions } from './up.ts';

function projectOf(text: string): Project {
  const around = {
    readFile: (path: string) => (path === '/srv/p/docker-compose.yml' ? text : undefined),
    workingFolder: '/srv/p',
    home: '/root',
    environment: () => undefined,
  };
  return loadProject(around, { files: [], profiles: [] }).project;
}

const NOTHING: Present = {
  containers: [],
  networks: [],
  volumes: new Set(),
  images: new Map([['busybox', 'sha256:1']]),
};

/** No hash, but equal for equal texts, which is all that is asked of it. */
const sha256 = (text: string): string => text;

function up(project: Project, present = NOTHING, options: Partial<UpOptions> = {}) {
  return planUp(project, present, {
    services: project.services,
    recreate: 'changed',
    start: true,
    removeOrphans: false,
    renewAnonymousVolumes: false,
    scale: new Map(),
    sha256,
    ...options,
  });
}

const said = ({ tasks }: { tasks: readonly Task[] }): string[] =>
  tasks.map(({ says }) => ('line' in says ? says.line : `${says.verb} ${says.name}`));

const called = ({ tasks }: { tasks: readonly Task[] }): string[] =>
  tasks.flatMap((task) => task.calls.map(({ method, path }) => `${method} ${path}`));

const bodyOf = ({ tasks }: { tasks: readonly Task[] }, path: string): EngineCall['body'] =>
  tasks.flatMap((task) => task.calls).find((call) => call.path.startsWith(path))?.body;

/** What the engine would have after `up`. */
function after(project: Project, plan: { tasks: readonly Task[] }): Present {
  const calls = plan.tasks.flatMap((task) => task.calls);
  const containers = calls
    .filter((call) => call.path.startsWith('/containers/create'))
    .map((call, index): PresentContainer => ({
      Id: String(index + 1).padStart(64, '0'),
      Names: [`/${decodeURIComponent(call.path.split('name=')[1]!)}`],
      Labels: call.body!['Labels'] as Record<string, string>,
      State: 'running',
      Mounts: [{ Type: 'volume', Name: 'a'.repeat(64), Destination: '/anon' }],
    }));
  const networks = project.networks.map((network) => ({
    Name: network.name,
    Driver: network.driver ?? 'bridge',
    Options: network.driver_opts ?? null,
    IPAM: { Driver: 'default', Config: (network.ipam?.config ?? []).map((pool) => ({ Subnet: pool.subnet })) },
  }));
  return { ...NOTHING, containers, networks, volumes: new Set(project.volumes.map((volume) => volume.name)) };
}

const TWO = `services:
  web: {image: busybox, command: sleep 9, depends_on: [db], networks: {default: {aliases: [www], priority: 1}, back: {ipv4_address: 10.5.0.9}}, volumes: [/anon]}
  db: {image: busybox, networks: [back]}
networks: {back: {ipam: {config: [{subnet: 10.5.0.0/16}]}}}
volumes: {data: }
`;

describe('up', () => {
  test("plays the article's scene", () => {
    const plan = up(projectOf('services: {tc-registry: {image: busybox, ports: ["5000:5000"]}}'));
    expect(said(plan)).toEqual(['Creating network "p_default" with the default driver', 'Creating p_tc-registry_1']);
    expect(plan.tasks[0]!.calls[0]!.body).toEqual({
      Name: 'p_default',
      CheckDuplicate: true,
      Attachable: true,
      Labels: {
        'com.docker.compose.project': 'p',
        'com.docker.compose.network': 'default',
        'com.docker.compose.version': '1.29.2',
      },
    });
    expect(bodyOf(plan, '/containers/create')).toMatchObject({
      Image: 'busybox',
      ExposedPorts: { '5000/tcp': {} },
      HostConfig: { NetworkMode: 'p_default', PortBindings: { '5000/tcp': [{ HostIp: '', HostPort: '5000' }] } },
      NetworkingConfig: { EndpointsConfig: { p_default: { Aliases: ['tc-registry'], IPAMConfig: {} } } },
      Labels: {
        'com.docker.compose.project': 'p',
        'com.docker.compose.service': 'tc-registry',
        'com.docker.compose.oneoff': 'False',
        'com.docker.compose.container-number': '1',
        'com.docker.compose.project.working_dir': '/srv/p',
        'com.docker.compose.project.config_files': 'docker-compose.yml',
      },
    });
  });

  test('makes networks and volumes, then services after what they need, further networks before the start', () => {
    const plan = up(projectOf(TWO));
    expect(said(plan)).toEqual([
      'Creating network "p_default" with the default driver',
      'Creating network "p_back" with the default driver',
      'Creating volume "p_data" with default driver',
      'Creating p_db_1',
      'Creating p_web_1',
    ]);
    expect(called(plan).slice(3)).toEqual([
      'POST /containers/create?name=p_db_1',
      'POST /containers/p_db_1/start',
      'POST /containers/create?name=p_web_1',
      'POST /networks/p_back/connect',
      'POST /containers/p_web_1/start',
    ]);
    expect(plan.tasks.at(-1)!.after).toEqual(['network default', 'network back', 'volume data', 'container p_db_1']);
    expect(bodyOf(plan, '/networks/p_back/connect')).toEqual({
      Container: 'p_web_1',
      EndpointConfig: { Aliases: ['web'], IPAMConfig: { IPv4Address: '10.5.0.9' } },
    });
  });

  test('twice changes nothing', () => {
    const project = projectOf(TWO);
    const again = up(project, after(project, up(project)));
    expect(said(again)).toEqual(['p_db_1 is up-to-date', 'p_web_1 is up-to-date']);
    expect(called(again)).toEqual([]);
  });

  test('a service that changed is made again, under its name and with its anonymous volumes', () => {
    const before = projectOf(TWO);
    const present = after(before, up(before));
    const plan = up(projectOf(TWO.replace('sleep 9', 'sleep 10')), present);
    const old = present.containers.find((each) => each.Names[0] === '/p_web_1')!.Id;
    expect(said(plan)).toEqual(['p_db_1 is up-to-date', 'Recreating p_web_1']);
    expect(called(plan)).toEqual([
      `POST /containers/${old}/stop?t=10`,
      `POST /containers/${old}/rename?name=${old.slice(0, 12)}_p_web_1`,
      'POST /containers/create?name=p_web_1',
      'POST /networks/p_back/connect',
      'POST /containers/p_web_1/start',
      `DELETE /containers/${old}`,
    ]);
    expect(bodyOf(plan, '/containers/create')).toMatchObject({ HostConfig: { Binds: [`${'a'.repeat(64)}:/anon:rw`] } });
  });

  test('a new image, or --force-recreate, makes them again; --no-recreate never does', () => {
    const project = projectOf(TWO);
    const present = after(project, up(project));
    const renewed = { ...present, images: new Map([['busybox', 'sha256:2']]) };
    expect(said(up(project, renewed))).toEqual(['Recreating p_db_1', 'Recreating p_web_1']);
    expect(said(up(project, present, { recreate: 'always' }))).toEqual(['Recreating p_db_1', 'Recreating p_web_1']);
    expect(said(up(project, renewed, { recreate: 'never' }))).toEqual([
      'p_db_1 is up-to-date',
      'p_web_1 is up-to-date',
    ]);
  });

  test('what shares the network of a service goes along with it', () => {
    const text = 'services: {a: {image: busybox, command: x}, b: {image: busybox, network_mode: "service:a"}}';
    const project = projectOf(text);
    expect(bodyOf(up(project), '/containers/create?name=p_b_1')).toMatchObject({
      HostConfig: { NetworkMode: 'container:p_a_1' },
    });
    const plan = up(projectOf(text.replace('command: x', 'command: y')), after(project, up(project)));
    expect(said(plan)).toEqual(['Recreating p_a_1', 'Recreating p_b_1']);
  });

  test('stopped containers are started', () => {
    const project = projectOf(TWO);
    const present = after(project, up(project));
    const stopped = { ...present, containers: present.containers.map((each) => ({ ...each, State: 'exited' })) };
    expect(said(up(project, stopped))).toEqual(['Starting p_db_1', 'Starting p_web_1']);
  });

  test('as many containers as the scale says', () => {
    const project = projectOf('services: {a: {image: busybox, scale: 2}}');
    const present = after(project, up(project));
    expect(said(up(project))).toEqual([
      'Creating network "p_default" with the default driver',
      'Creating p_a_1',
      'Creating p_a_2',
    ]);
    expect(said(up(project, present, { scale: new Map([['a', 1]]) }))).toEqual([
      'Stopping and removing p_a_2',
      'p_a_1 is up-to-date',
    ]);
    expect(said(up(project, present, { scale: new Map([['a', 3]]) })).at(-1)).toBe('Creating p_a_3');
    const named = projectOf('services: {a: {image: busybox, container_name: one, scale: 2}}');
    expect(() => up(named)).toThrow('is using the custom container name "one"');
  });

  test('waits for health and for completion', () => {
    const plan = up(
      projectOf(`services:
  a: {image: busybox}
  b: {image: busybox, depends_on: {a: {condition: service_healthy}}}
  c: {image: busybox, depends_on: {a: {condition: service_completed_successfully}}}
`),
    );
    expect(plan.tasks.slice(2).map((task) => task.waits)).toEqual([
      [{ container: 'p_a_1', condition: 'healthy' }],
      [{ container: 'p_a_1', condition: 'completed' }],
    ]);
  });

  test('orphans are named, and removed when asked', () => {
    const project = projectOf(TWO);
    const lost: PresentContainer = {
      Id: 'f'.repeat(64),
      Names: ['/p_old_1'],
      State: 'running',
      Labels: { [label.SERVICE]: 'old' },
    };
    const present = { ...NOTHING, containers: [lost] };
    expect(up(project, present).warnings[0]).toContain('Found orphan containers (p_old_1) for this project.');
    const removed = up(project, present, { removeOrphans: true });
    expect(removed.warnings).toEqual([]);
    expect(said(removed)).toContain('Removing orphan container "p_old_1"');
  });

  test.each([
    ['networks: {n: {external: true}}', 'Network n declared as external, but could not be found.'],
    [
      'networks: {n: }\nvolumes: {v: {external: {name: mine}}}',
      'Volume mine declared as external, but could not be found.',
    ],
  ])('%s that is not there: %s', (text, message) => {
    expect(() => up(projectOf(`services: {a: {image: busybox, networks: [n]}}\n${text}`))).toThrow(message);
  });

  test.each([
    ['{driver: macvlan}', 'driver'],
    ['{driver_opts: {x: "1"}}', 'option "x"'],
    ['{ipam: {config: [{subnet: 10.6.0.0/16}]}}', 'IPAM config subnet'],
  ])('a network that is to be %s now needs to be recreated: %s', (definition, what) => {
    const before = projectOf(TWO);
    const changed = projectOf(TWO.replace(/back: \{ipam.*/, `back: ${definition}}`));
    expect(() => up(changed, after(before, up(before)))).toThrow(
      `Network "p_back" needs to be recreated - ${what} has changed`,
    );
  });

  test('a whole service, as docker-compose 1.29 sends it', () => {
    const project = projectOf(`services:
  s:
    image: busybox
    command: sleep 600
    ports: ["127.0.0.1:16000-16001:80-81/udp"]
    environment: {A: b, E: }
    volumes: ["./d:/d:ro", "v:/v", {type: bind, source: ., target: /w, read_only: true}]
    ulimits: {nofile: {soft: 10, hard: 20}}
    extra_hosts: ["a:1.2.3.4"]
    healthcheck: {test: "true", interval: 5s}
    stop_grace_period: 1m
    stop_signal: SIGINT
    logging: {driver: json-file, options: {max-size: "1m"}}
    restart: on-failure:3
    tmpfs: /t
    cpus: 0.5
    mem_limit: 64m
    shm_size: 1m
    init: true
    tty: true
    mac_address: 02:42:aa:bb:cc:dd
    devices: ["/dev/null:/dev/n"]
    dns: 1.1.1.1
    sysctls: [net.ipv4.ip_forward=0]
    links: ["t:alias"]
  t: {image: busybox}
volumes: {v: }
`);
    const { Labels: _, ...body } = bodyOf(up(project), '/containers/create?name=p_s_1')!;
    expect(body).toEqual({
      ExposedPorts: { '80/udp': {}, '81/udp': {} },
      Tty: true,
      Env: ['A=b', 'E'],
      Cmd: ['sleep', '600'],
      Image: 'busybox',
      Volumes: { '/d': {}, '/v': {} },
      HostConfig: {
        Memory: 67108864,
        ShmSize: 1048576,
        NetworkMode: 'p_default',
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
        Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/n', CgroupPermissions: 'rwm' }],
        Dns: ['1.1.1.1'],
        Sysctls: { 'net.ipv4.ip_forward': '0' },
        Binds: ['/srv/p/d:/d:ro', 'p_v:/v:rw'],
        PortBindings: {
          '80/udp': [{ HostIp: '127.0.0.1', HostPort: '16000' }],
          '81/udp': [{ HostIp: '127.0.0.1', HostPort: '16001' }],
        },
        ExtraHosts: ['a:1.2.3.4'],
        Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
        Tmpfs: { '/t': '' },
        Init: true,
        NanoCpus: 500000000,
        Mounts: [{ Type: 'bind', Source: '/srv/p', Target: '/w', ReadOnly: true }],
      },
      NetworkingConfig: {
        EndpointsConfig: {
          p_default: { Aliases: ['s'], Links: ['p_t_1:alias', 'p_t_1:p_t_1', 'p_t_1:t_1'], IPAMConfig: {} },
        },
      },
      MacAddress: '02:42:aa:bb:cc:dd',
      StopSignal: 'SIGINT',
      StopTimeout: 60,
      Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 5000000000 },
    });
  });
});

describe('down', () => {
  const project = projectOf(TWO);
  const present = after(project, up(project));
  const options = { removeOrphans: false, volumes: false, images: 'none' } as const;

  test('stops dependents first, then removes containers and networks', () => {
    const plan = planDown(project, present, options);
    expect(said(plan)).toEqual([
      'Stopping p_db_1',
      'Stopping p_web_1',
      'Removing p_db_1',
      'Removing p_web_1',
      'Removing network p_default',
      'Removing network p_back',
    ]);
    const [db, web] = plan.tasks;
    expect(db!.after).toEqual([web!.id]);
    expect(web!.after).toEqual([]);
  });

  test('volumes and images when asked', () => {
    const plan = planDown(project, present, { ...options, volumes: true, images: 'all' });
    expect(said(plan).slice(-2)).toEqual(['Removing volume p_data', 'Removing image busybox']);
    expect(called(plan)).toContain(`DELETE /containers/${present.containers[0]!.Id}?v=true`);
  });

  test('of what is not there says so', () => {
    expect(said(planDown(project, NOTHING, options))).toEqual([
      'Network p_default not found.',
      'Network p_back not found.',
    ]);
  });

  test('leaves what is not its own', () => {
    const outside = projectOf('services: {a: {image: busybox, networks: [n]}}\nnetworks: {n: {external: true}}');
    expect(said(planDown(outside, NOTHING, options))).toEqual(['Network n is external, skipping']);
  });
});
