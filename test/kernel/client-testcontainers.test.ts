/** testcontainers, unchanged, against the daemon. The tests stand in the host's namespace, where its ports are. */
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { GenericContainer, Network, Wait, type StartedTestContainer } from 'testcontainers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { enterNamespace } from '../../src/linux/namespace.ts';
import { loadBusybox } from '../support/images.ts';

const IMAGE = 'busybox:1.36';
const SERVE = ['sh', '-c', 'mkdir -p /www; echo served > /www/index.html; exec httpd -f -p 80 -h /www'];
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set('passerelle-tc');
  await stage.startDaemon();
  await loadBusybox(stage);
  enterNamespace(`/run/netns/${stage.host}`);
  Object.assign(process.env, {
    DOCKER_HOST: stage.dockerHost,
    TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1',
    // The container that removes what tests leave behind is one more image from elsewhere.
    TESTCONTAINERS_RYUK_DISABLED: 'true',
  });
});

afterAll(() => stage.close());

const containers: StartedTestContainer[] = [];

async function start(container: GenericContainer): Promise<StartedTestContainer> {
  const started = await container.start();
  containers.push(started);
  return started;
}

afterAll(async () => {
  for (const container of containers) await container.stop();
});

async function get(container: StartedTestContainer, port = 80): Promise<string> {
  return (await fetch(`http://${container.getHost()}:${container.getMappedPort(port)}/`)).text();
}

describe('a container with exposed ports', () => {
  test('is reached at the ports that the host chose, each container at its own', async () => {
    const web = () => new GenericContainer(IMAGE).withCommand(SERVE).withExposedPorts(80);
    const [first, second] = await Promise.all([start(web()), start(web())]);
    expect(await get(first)).toBe('served\n');
    expect(await get(second)).toBe('served\n');
    expect(first.getMappedPort(80)).not.toBe(second.getMappedPort(80));
    expect(first.getMappedPort(80)).toBeGreaterThanOrEqual(1024);
  });

  test('after a restart too', async () => {
    const web = await start(new GenericContainer(IMAGE).withCommand(SERVE).withExposedPorts(80));
    await web.restart({ timeout: 0 });
    expect(await get(web)).toBe('served\n');
  });

  test('at a port of its own choice, UDP beside TCP', async () => {
    const web = await start(
      new GenericContainer(IMAGE)
        .withCommand(SERVE)
        .withExposedPorts({ container: 80, host: 18_080 }, '53/udp')
        .withWaitStrategy(Wait.forListeningPorts()),
    );
    expect(web.getMappedPort(80)).toBe(18_080);
    expect(web.getMappedPort('53/udp')).toBeGreaterThanOrEqual(1024);
    expect(await get(web)).toBe('served\n');
  });
});

describe('it waits', () => {
  test.each([
    ['for a line of the log', Wait.forLogMessage(/ready \d/)],
    ['for a line, twice', Wait.forLogMessage(/ready/, 2)],
    ['for a listening port', Wait.forListeningPorts()],
    [
      'for an answer',
      Wait.forHttp('/index.html', 80)
        .forStatusCode(200)
        .forResponsePredicate((body) => body === 'served\n'),
    ],
    ['for a command', Wait.forSuccessfulCommand('test -e /www/index.html')],
    ['for health', Wait.forHealthCheck()],
    ['for all of them', Wait.forAll([Wait.forListeningPorts(), Wait.forLogMessage('ready 2'), Wait.forHealthCheck()])],
  ])('%s', async (_, strategy) => {
    const web = await start(
      new GenericContainer(IMAGE)
        .withCommand(['sh', '-c', `sleep 0.3; echo ready 1; echo ready 2; ${SERVE[2]}`])
        .withExposedPorts(80)
        .withHealthCheck({ test: ['CMD-SHELL', 'test -e /www/index.html'], interval: 200, retries: 20 })
        .withWaitStrategy(strategy)
        .withStartupTimeout(20_000),
    );
    await expect.poll(() => get(web)).toBe('served\n');
  });

  test('for a command that ends', async () => {
    const once = await start(
      new GenericContainer(IMAGE).withCommand(['sh', '-c', 'echo done']).withWaitStrategy(Wait.forOneShotStartup()),
    );
    expect(await text(await once.logs())).toContain('done');
  });

  test('and gives up with the container’s log', async () => {
    const broken = new GenericContainer(IMAGE)
      .withCommand(['sh', '-c', 'echo never mind; sleep 100'])
      .withWaitStrategy(Wait.forLogMessage('ready'))
      .withStartupTimeout(500);
    await expect(broken.start()).rejects.toThrow(/ready/);
  });
});

describe('inside of a container', () => {
  test('commands: output, exit code, user, folder, environment', async () => {
    const box = await start(new GenericContainer(IMAGE).withCommand(['sleep', '1000']).withEnvironment({ A: 'a' }));
    expect(await box.exec(['nothing-of-that-name'])).toMatchObject({ exitCode: 126 });
    expect(
      await box.exec(['sh', '-c', 'echo $A$B $(id -u) $PWD; echo err >&2; exit 3'], {
        user: '5',
        workingDir: '/bin',
        env: { B: 'b' },
      }),
    ).toMatchObject({ stdout: 'ab 5 /bin\n', stderr: 'err\n', exitCode: 3 });
  });

  test('content and files copied in and out', async () => {
    const box = await start(
      new GenericContainer(IMAGE)
        .withCommand(['sleep', '1000'])
        .withCopyContentToContainer([{ content: 'before\n', target: '/before', mode: 0o600 }])
        .withCopyFilesToContainer([{ source: join(stage.directory, 'busybox.tar'), target: '/tmp/big' }]),
    );
    expect((await box.exec(['stat', '-c', '%a %s', '/before'])).output).toBe('600 7\n');
    await box.copyContentToContainer([{ content: 'after\n', target: '/tmp/after' }]);
    expect((await box.exec(['cat', '/tmp/after'])).output).toBe('after\n');
    const archive = await text(await box.copyArchiveFromContainer('/tmp/after'));
    expect(archive).toContain('after\n');
  });

  test('mounts, labels, hosts, limits', async () => {
    const box = await start(
      new GenericContainer(IMAGE)
        .withCommand(['sleep', '1000'])
        .withTmpFs({ '/scratch': 'rw,size=1m' })
        .withBindMounts([{ source: stage.logFile, target: '/given', mode: 'ro' }])
        .withLabels({ 'test.of': 'clients' })
        .withExtraHosts([{ host: 'friend', ipAddress: '10.1.2.3' }])
        .withResourcesQuota({ memory: 0.25 })
        .withUser('7'),
    );
    const { output } = await box.exec([
      'sh',
      '-c',
      'df -m /scratch | tail -1 | tr -s " " | cut -d" " -f2; ls /given; grep friend /etc/hosts; id -u',
    ]);
    expect(output.split('\n')).toEqual(['1', '/given', '10.1.2.3\tfriend', '7', '']);
    expect(box.getLabels()).toMatchObject({ 'test.of': 'clients' });
  });
});

test('a network: containers find each other by alias, and have their addresses there', async () => {
  const network = await new Network().start();
  const web = await start(
    new GenericContainer(IMAGE)
      .withCommand(SERVE)
      .withNetwork(network)
      .withNetworkAliases('web', 'www')
      .withExposedPorts(80),
  );
  const box = await start(new GenericContainer(IMAGE).withCommand(['sleep', '1000']).withNetwork(network));
  for (const name of ['web', 'www', web.getIpAddress(network.getName())])
    expect((await box.exec(['wget', '-qO-', `http://${name}/`])).output).toBe('served\n');
  expect(box.getNetworkNames()).toEqual([network.getName()]);
  await web.stop();
  await box.stop();
  await network.stop();
});

test('a raw connection to a mapped port carries bytes both ways', async () => {
  const echo = await start(
    new GenericContainer(IMAGE).withCommand(['nc', '-ll', '-p', '7', '-e', '/bin/cat']).withExposedPorts(7),
  );
  const socket = connect(echo.getMappedPort(7), '127.0.0.1');
  socket.end('x'.repeat(100_000));
  expect(await text(socket)).toHaveLength(100_000);
});
