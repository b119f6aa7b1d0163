import { describe, expect, test } from 'vitest';
import { loadProject } from './load.ts';
import type { LoadOptions, Loaded } from './load.ts';
import { printProject } from './print.ts';
import { ComposeError, ProjectError } from './problem.ts';
import { projectName, selectServices } from './project.ts';

type Files = Readonly<Record<string, string>>;

interface Around {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

function load(files: string | Files, options: Partial<LoadOptions> = {}, around: Around = {}): Loaded {
  const folder = around.folder ?? '/srv/tc-infra-base';
  const named = typeof files === 'string' ? { 'docker-compose.yml': files } : files;
  const byPath = new Map(
    Object.entries(named).map(([name, text]) => [name.startsWith('/') ? name : `${folder}/${name}`, text]),
  );
  return loadProject(
    {
      readFile: (path) => byPath.get(path),
      workingFolder: folder,
      home: '/root',
      environment: (name) => around.environment?.[name],
    },
    { files: [], profiles: [], ...options },
  );
}

/** One service's keys, indented below `services: web:`. */
function web(keys: string): string {
  return `services:\n  web:\n    image: busybox\n${keys.replaceAll(/^/gm, '    ')}\n`;
}

function service(keys: string) {
  return load(web(keys)).project.services[0]!;
}

describe("the article's file", () => {
  const text = `version: "3.2"
services:
  tc-registry:
    image: registry:2.7.1
    ports:
      - 5000:5000
`;

  test('is a project of its folder, with one network', () => {
    const { project, warnings } = load(text);
    expect(warnings).toEqual([]);
    expect(project).toEqual({
      name: 'tc-infra-base',
      folder: '/srv/tc-infra-base',
      files: ['docker-compose.yml'],
      services: [
        {
          name: 'tc-registry',
          image: 'registry:2.7.1',
          ports: [{ target: 5000, published: '5000', protocol: 'tcp', hostIp: '' }],
        },
      ],
      networks: [{ key: 'default', name: 'tc-infra-base_default', external: false }],
      volumes: [],
    });
  });

  test('is found from a folder below it', () => {
    const { project } = load({ '/srv/p/compose.yaml': text }, {}, { folder: '/srv/p/deep/er' });
    expect([project.name, project.folder, project.files]).toEqual(['p', '/srv/p', ['/srv/p/compose.yaml']]);
  });

  test('is merged with the override beside it', () => {
    const override = 'services: {tc-registry: {hostname: reg}}';
    const { project } = load({ 'docker-compose.yml': text, 'docker-compose.override.yml': override });
    expect(project.services[0]).toMatchObject({ image: 'registry:2.7.1', hostname: 'reg' });
  });
});

describe('project names', () => {
  test.each([
    ['tc-infra-base', 'tc-infra-base'],
    ['My.Project (2)', 'myproject2'],
    ['a_b-c', 'a_b-c'],
    ['…', 'default'],
  ])('%s is %s', (folder, name) => {
    expect(projectName(folder)).toBe(name);
  });

  test('-p comes before the environment, which comes before the file, which comes before the folder', () => {
    const text = `name: fromfile\n${web('')}`;
    const environment = { COMPOSE_PROJECT_NAME: 'fromenv' };
    expect(load(text, { projectName: 'Given' }, { environment }).project.name).toBe('given');
    expect(load(text, {}, { environment }).project.name).toBe('fromenv');
    expect(load(text).project.name).toBe('fromfile');
    expect(load({ 'docker-compose.yml': web(''), '.env': 'COMPOSE_PROJECT_NAME=dotenv' }).project.name).toBe('dotenv');
  });
});

describe('what a service says', () => {
  test.each([
    // [as written, key, as read]
    ['command: sh -c "echo hi"', 'command', ['sh', '-c', 'echo hi']],
    ['command: [sleep, 600]', 'command', ['sleep', '600']],
    ['environment: {A: 1, B: "x", C: true, D: 1.10}', 'environment', { A: '1', B: 'x', C: 'true', D: '1.10' }],
    ['environment: [A=1, B=x=y, HOSTVAR]', 'environment', { A: '1', B: 'x=y', HOSTVAR: null }],
    [
      'ports: [80, "22:22", {target: 53, published: 5353, protocol: udp, host_ip: 127.0.0.1}]',
      'ports',
      [
        { target: 80, protocol: 'tcp', hostIp: '' },
        { target: 22, published: '22', protocol: 'tcp', hostIp: '' },
        { target: 53, published: '5353', protocol: 'udp', hostIp: '127.0.0.1' },
      ],
    ],
    ['ports:\n  - 22:22', 'ports', [{ target: 22, published: '22', protocol: 'tcp', hostIp: '' }]],
    ['expose: ["3000", 8000-8001/udp]', 'expose', ['3000/tcp', '8000/udp', '8001/udp']],
    ['extra_hosts: ["a:1.2.3.4", "b:::1"]', 'extra_hosts', { a: '1.2.3.4', b: '::1' }],
    ['restart: no', 'restart', { Name: 'no', MaximumRetryCount: 0 }],
    ['restart: on-failure:3', 'restart', { Name: 'on-failure', MaximumRetryCount: 3 }],
    ['stop_grace_period: 1m30s', 'stop_grace_period', 90e9],
    ['mem_limit: 64m', 'mem_limit', 64 * 1024 ** 2],
    [
      'ulimits: {nproc: 9, nofile: {soft: 1, hard: 2}}',
      'ulimits',
      { nproc: { soft: 9, hard: 9 }, nofile: { soft: 1, hard: 2 } },
    ],
    ['tty: yes', 'tty', true],
    ['tmpfs: /run', 'tmpfs', ['/run']],
    ['dns: 1.1.1.1', 'dns', ['1.1.1.1']],
    [
      'healthcheck: {test: "true", interval: 5s, retries: 3}',
      'healthcheck',
      { test: ['CMD-SHELL', 'true'], interval: 5e9, retries: 3 },
    ],
    [
      'volumes: [./d:/d:ro, /anon]',
      'volumes',
      [
        { form: 'bind', source: '/srv/tc-infra-base/d', target: '/d', mode: 'ro' },
        { form: 'bind', target: '/anon', mode: 'rw' },
      ],
    ],
    [
      'volumes: [{type: bind, source: ., target: /w, read_only: true}]',
      'volumes',
      [{ form: 'mount', type: 'bind', source: '/srv/tc-infra-base', target: '/w', readOnly: true }],
    ],
    [
      'networks:\n  default:\n    aliases: [x]\n    priority: 5',
      'networks',
      { default: { aliases: ['x'], priority: 5 } },
    ],
    ['sysctls: [net.core.somaxconn=1]', 'sysctls', { 'net.core.somaxconn': '1' }],
    ['x-mine: {anything: 1}\nuser: 1000', 'user', '1000'],
  ])('%s', (keys, key, value) => {
    expect(service(keys)).toHaveProperty([key], value);
  });

  test('environment files come first, the environment fills what has no value', () => {
    const { project } = load(
      {
        'docker-compose.yml': web('env_file: [a.env, sub/b.env]\nenvironment: {C: 3, FROM_HOST: }'),
        'a.env': 'A=1\nB=1',
        'sub/b.env': 'B=2\nC=2',
      },
      {},
      { environment: { FROM_HOST: 'h' } },
    );
    expect(project.services[0]!.environment).toEqual({ A: '1', B: '2', C: '3', FROM_HOST: 'h' });
  });

  test('merge keys and anchors', () => {
    const text = `x-base: &base
  image: busybox
  environment: {A: 1}
services:
  a: {<<: *base, hostname: a}
  b:
    <<: [*base]
    image: other
`;
    expect(load(text).project.services).toMatchObject([
      { name: 'a', image: 'busybox', hostname: 'a' },
      { name: 'b', image: 'other', environment: { A: '1' } },
    ]);
  });
});

describe('variables', () => {
  test('come from the process, then from .env, and are named where they are missing', () => {
    const files = { 'docker-compose.yml': web('hostname: ${A}-${B}\nuser: "$C"'), '.env': 'A=dotenv\nB=dotenv' };
    const { project, warnings } = load(files, {}, { environment: { A: 'process' } });
    expect(project.services[0]!.hostname).toBe('process-dotenv');
    expect(warnings).toEqual(['The C variable is not set. Defaulting to a blank string.']);
  });

  test('may stand for numbers and switches', () => {
    const { project } = load(web('tty: ${T}\nscale: ${N}'), {}, { environment: { T: 'true', N: '2' } });
    expect(project.services[0]).toMatchObject({ tty: true, scale: 2 });
  });
});

describe('several files', () => {
  const merge = (base: string, override: string) =>
    load(
      { 'a.yml': web(base), 'b.yml': `services:\n  web:\n${override.replaceAll(/^/gm, '    ')}\n` },
      { files: ['a.yml', 'b.yml'] },
    ).project.services[0]!;

  test.each([
    // Mappings are merged, in whichever form.
    ['environment: [A=1, B=1]', 'environment: {B: 2, C: 2}', 'environment', { A: '1', B: '2', C: '2' }],
    ['labels: {a: x}', 'labels: [b=y]', 'labels', { a: 'x', b: 'y' }],
    ['extra_hosts: ["a:1.1.1.1"]', 'extra_hosts: {b: 2.2.2.2}', 'extra_hosts', { a: '1.1.1.1', b: '2.2.2.2' }],
    // Lists are joined.
    ['dns: 1.1.1.1', 'dns: [2.2.2.2, 1.1.1.1]', 'dns', ['1.1.1.1', '2.2.2.2']],
    ['cap_add: [NET_ADMIN]', 'cap_add: [SYS_TIME]', 'cap_add', ['NET_ADMIN', 'SYS_TIME']],
    ['expose: ["1"]', 'expose: ["2"]', 'expose', ['1/tcp', '2/tcp']],
    // Volumes and devices by their place in the container.
    [
      'volumes: [/a:/x, /b:/y]',
      'volumes: [/c:/x:ro]',
      'volumes',
      [
        { form: 'bind', source: '/c', target: '/x', mode: 'ro' },
        { form: 'bind', source: '/b', target: '/y', mode: 'rw' },
      ],
    ],
    // All else is replaced.
    ['command: [a, b]', 'command: c', 'command', ['c']],
    ['hostname: a', 'hostname: b', 'hostname', 'b'],
    ['networks: [default]', 'networks: {default: {aliases: [x]}}', 'networks', { default: { aliases: ['x'] } }],
    ['networks: {default: {aliases: [x]}}', 'networks: {default: }', 'networks', { default: { aliases: ['x'] } }],
    [
      'healthcheck: {test: a, retries: 1}',
      'healthcheck: {retries: 2}',
      'healthcheck',
      { test: ['CMD-SHELL', 'a'], retries: 2 },
    ],
    ['logging: {driver: a, options: {x: "1"}}', 'logging: {driver: b}', 'logging', { driver: 'b' }],
    [
      'logging: {driver: a, options: {x: "1"}}',
      'logging: {options: {y: "2"}}',
      'logging',
      { driver: 'a', options: { x: '1', y: '2' } },
    ],
  ])('%s and %s', (base, override, key, value) => {
    expect(merge(base, override)).toHaveProperty([key], value);
  });

  test('relative paths start from the first file', () => {
    const files = { '/srv/p/a.yml': web('volumes: [./a:/a]'), '/srv/q/b.yml': 'services: {web: {volumes: [./b:/b]}}' };
    const { project } = load(files, { files: ['/srv/p/a.yml', '/srv/q/b.yml'] });
    expect(project.services[0]!.volumes?.map((each) => each.source)).toEqual(['/srv/p/a', '/srv/p/b']);
    expect(project.name).toBe('p');
  });

  test('extends lays a service over another one, of another file too', () => {
    const { project } = load({
      'docker-compose.yml': `services:
  web: {extends: {service: base, file: common/base.yml}, environment: {B: 2}}
  more: {extends: web, hostname: more}
`,
      'common/base.yml': 'services: {base: {image: busybox, environment: {A: 1}, volumes: [./d:/d]}}',
    });
    expect(project.services).toMatchObject([
      { name: 'more', hostname: 'more', image: 'busybox', environment: { A: '1', B: '2' } },
      { name: 'web', environment: { A: '1', B: '2' }, volumes: [{ source: '/srv/tc-infra-base/common/d' }] },
    ]);
  });
});

describe('what is wrong is said with its place', () => {
  const complaints = (text: string): string[] => {
    try {
      load(text);
    } catch (error) {
      if (error instanceof ComposeError)
        return error.problems.map(({ at, path, message }) => `${at.line}:${at.column} ${path}: ${message}`);
      throw error;
    }
    return [];
  };

  test.each([
    [
      web('ports:\n  - "a:b"'),
      '5:9 services.web.ports[0]: services.web.ports is invalid: Invalid port "a:b", should be [[remote_ip:]remote_port[-remote_port]:]port[/protocol]',
    ],
    [web('ports: 80'), '4:12 services.web.ports: services.web.ports contains an invalid type, it should be an array'],
    [web('foo: 1'), "4:5 services.web.foo: Unsupported config option for services.web: 'foo'"],
    [
      web('port: [80]'),
      "4:5 services.web.port: Unsupported config option for services.web: 'port' (did you mean 'ports'?)",
    ],
    [web('tty: maybe'), '4:10 services.web.tty: services.web.tty contains an invalid type, it should be a boolean'],
    [
      web('environment:\n  A: [1]'),
      '5:10 services.web.environment.A: services.web.environment.A contains an invalid type, it should be a string, number, or a null',
    ],
    [
      web('volumes: ["a:b:c:d"]'),
      '4:15 services.web.volumes[0]: Volume a:b:c:d has incorrect format, should be external:internal[:mode]',
    ],
    [
      web('volumes: ["data:/d"]'),
      '4:14 services.web.volumes: Named volume "data:/d:rw" is used in service "web" but no declaration was found in the volumes section.',
    ],
    [web('networks: [lost]'), '4:15 services.web.networks: Service "web" uses an undefined network "lost"'],
    [
      web('depends_on: [db]'),
      "4:17 services.web.depends_on: Service 'web' depends on service 'db' which is undefined.",
    ],
    [
      web('network_mode: "service:db"'),
      "4:19 services.web.network_mode: Service 'web' uses the network stack of service 'db' which is undefined.",
    ],
    [
      web('hostname: "${"'),
      '4:15 services.web.hostname: Invalid interpolation format for "hostname" option in service "web": "${"',
    ],
    [
      web('hostname: "${X?tell me}"'),
      '4:15 services.web.hostname: Missing mandatory value for "hostname" option interpolating ${X?tell me} in service "web": tell me',
    ],
    [web('command: "it\'s"'), '4:14 services.web.command: services.web.command has a quote that is not closed'],
    [web('env_file: none.env'), "2:3 services.web.env_file: Couldn't find env file: /srv/tc-infra-base/none.env"],
    [
      'services:\n  web: {hostname: a}\n',
      '2:3 services.web: Service web has neither an image nor a build context specified. At least one must be provided.',
    ],
    [
      'services:\n  web: [a]\n',
      "2:8 services.web: In file 'docker-compose.yml', service 'web' must be a mapping not an array.",
    ],
    ['services: [a]\n', "1:11 services: In file 'docker-compose.yml', service must be a mapping, not an array."],
    [
      'services: {a b: {image: x}}\n',
      "1:12 services.a b: Invalid service name 'a b' - only [a-zA-Z0-9._-] characters are allowed",
    ],
    [
      'servces: {}\n',
      '1:1 servces: Invalid top-level property "servces". Valid top-level sections for this Compose file are: version, name, services, networks, volumes, secrets, configs, and extensions starting with "x-".',
    ],
    [
      `${web('networks: [n]')}networks:\n  n: {external: true, internal: true}\n`,
      '6:6 networks.n: Network n declared as external but specifies additional attributes (internal).',
    ],
    [
      `${web('networks: [n]')}networks:\n  n: {ipam: {config: [{subnet: 10.0.0.0}]}}\n`,
      '6:32 networks.n.ipam.config[0].subnet: networks.n.ipam.config.subnet is invalid: should use the CIDR format',
    ],
    ['services:\n  web:\n   image: a\n  image: b\n c: d\n', '5:1 : '],
    ['a: *none\n', '1:4 : '],
  ])('%j', (text, complaint) => {
    expect(complaints(text)[0]).toContain(complaint);
  });

  test('all of it at once, as a compiler says it', () => {
    expect(() => load(web('tty: maybe\nports: 80'))).toThrow(
      `The Compose file 'docker-compose.yml' is invalid because:
services.web.tty contains an invalid type, it should be a boolean
  at docker-compose.yml:4:10 (services.web.tty)
  expected a boolean, for example true or false
services.web.ports contains an invalid type, it should be an array
  at docker-compose.yml:5:12 (services.web.ports)
  expected an array, for example \`- …\` on a line of its own under services.web.ports`,
    );
  });

  test('aliases that multiply end', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 12; level++) lines.push(`a${level}: &a${level} [${`*a${level - 1}, `.repeat(10)}]`);
    expect(() => load(lines.map((line) => `x-${line}`).join('\n'))).toThrow('too many values');
  });

  test.each([
    [
      'services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}',
      'Circular dependency between a and b',
    ],
    ['services: {a: {image: x, depends_on: [a]}}', 'A service can not depend on itself: a'],
    [
      'services: {a: {image: x, depends_on: [b]}, b: {image: x, profiles: [p]}}',
      'is not enabled by the active profiles',
    ],
    ['services: {a: {extends: b}, b: {extends: a}}', 'Circular reference'],
  ])('%s: %s', (text, message) => {
    expect(() => load(text)).toThrow(message);
    expect(() => load(text)).toThrow(ProjectError);
  });

  test('no file', () => {
    expect(() => load({})).toThrow("Can't find a suitable configuration file");
    expect(() => load({}, { files: ['x.yml'] })).toThrow("The Compose file 'x.yml' cannot be read: no such file");
  });
});

describe('what is not honoured is said', () => {
  test.each([
    ['cpuset: 0-1', 'services.web.cpuset is not supported and has no effect'],
    ['build: .', 'services.web.build is not supported and has no effect'],
    [
      'deploy: {update_config: {parallelism: 1}}',
      'services.web.deploy.update_config is not supported and has no effect',
    ],
    ['secrets: [a]', 'services.web.secrets is not supported and has no effect'],
  ])('%s', (keys, warning) => {
    expect(load(web(keys)).warnings.join('\n')).toContain(warning);
  });

  test('networks that nobody uses', () => {
    expect(load(`${web('')}networks: {idle: }`).warnings[0]).toContain('not used by any service: idle');
  });
});

describe('services', () => {
  const text = `services:
  c: {image: x, depends_on: {b: {condition: service_healthy}}}
  b: {image: x, links: ["a:alias"]}
  a: {image: x}
  d: {image: x, network_mode: "service:a"}
  e: {image: x, profiles: [debug]}
`;

  test('stand after what they need', () => {
    expect(load(text).project.services.map((each) => each.name)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('of a profile come when it is asked for', () => {
    expect(load(text, { profiles: ['debug'] }).project.services.map((each) => each.name)).toContain('e');
    expect(load(text, {}, { environment: { COMPOSE_PROFILES: 'x,debug' } }).project.services).toHaveLength(5);
  });

  test('bring what they need with them', () => {
    const { project } = load(text);
    expect(selectServices(project, ['c']).map((each) => each.name)).toEqual(['a', 'b', 'c']);
    expect(() => selectServices(project, ['z'])).toThrow('No such service: z');
  });
});

describe('printed', () => {
  const text = `services:
  web:
    image: nginx:1
    command: echo "$$HOME"
    ports: ["127.0.0.1:8080:80", 443]
    depends_on: [db]
    environment: {B: 1, A: }
    volumes: [data:/d, {type: tmpfs, target: /t, tmpfs: {size: 1m}}]
    networks: {front: {ipv4_address: 10.9.0.5}}
    restart: on-failure:2
    stop_grace_period: 1m
  db: {image: postgres, networks: [front]}
networks:
  front: {name: front, driver: bridge, ipam: {config: [{subnet: 10.9.0.0/24}]}}
volumes: {data: {external: true}}
`;

  test('with everything filled in', () => {
    expect(printProject(load(text).project)).toMatchInlineSnapshot(`
      "name: tc-infra-base
      networks:
        front:
          driver: bridge
          ipam:
            config:
              - subnet: 10.9.0.0/24
          name: front
      services:
        db:
          image: postgres
          networks:
            front: null
        web:
          command:
            - echo
            - $$HOME
          depends_on:
            db:
              condition: service_started
          environment:
            A: null
            B: '1'
          image: nginx:1
          networks:
            front:
              ipv4_address: 10.9.0.5
          ports:
            - host_ip: 127.0.0.1
              protocol: tcp
              published: '8080'
              target: 80
            - protocol: tcp
              target: 443
          restart: on-failure:2
          stop_grace_period: 60s
          volumes:
            - data:/d:rw
            - target: /t
              tmpfs:
                size: 1048576
              type: tmpfs
      volumes:
        data:
          external: true
          name: data
      "
    `);
  });

  test('can be read again, to the same project', () => {
    const { project } = load(text);
    expect(load(printProject(project)).project).toEqual(project);
  });
});
