/** The scene on the real kernel: the docker command line and docker-compose, real tables, real packets. */
import { createHash } from 'node:crypto';
import { HOST_ADDRESS, type Stage } from '../stage.ts';
import type { Checklist } from './checklist.ts';
import { playScene } from './scene.ts';
import { Script } from './script.ts';

export async function playOnKernel(stage: Stage, list: Checklist, print: (line: string) => void): Promise<void> {
  const script = new Script(list, print);
  await playScene(
    {
      directory: stage.directory,
      docker: (args) => stage.outside(stage.client, args),
      compose: (args, folder) => stage.outside('docker-compose', args, { cwd: folder }),
      onHost: (command, args) => stage.onHost(command, args),
      showTable: (told, table) => told.show(`iptables -t ${table} -L`, listTable(stage, table)),
    },
    list,
    script,
  );
  await playPackets(stage, list, script);
}

/** iptables asks for each address's name, and no name server can be reached from the stage. */
function listTable(stage: Stage, table: string) {
  const nameless = 'mount --bind /dev/null /etc/resolv.conf && exec iptables -t "$0" -L';
  return stage.onHost('unshare', ['--mount', 'sh', '-c', nameless, table]);
}

async function playPackets(stage: Stage, list: Checklist, script: Script): Promise<void> {
  const docker = (...args: string[]): Promise<string> =>
    script.show(`docker ${args.join(' ')}`, stage.outside(stage.client, args));
  const host = (...args: string[]): Promise<string> =>
    script.show(`curl ${args.join(' ')}`, stage.onHost('curl', args));

  script.title(10, 'The registry answers from everywhere');
  const url = (address: string): string[] => [
    '-s',
    '-m',
    '5',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    `http://${address}:5000/v2/`,
  ];
  const fromHost = await host(...url(HOST_ADDRESS));
  list.check("from the host, by the host's address", fromHost === '200', fromHost);
  const fromLoopback = await host(...url('127.0.0.1'));
  list.check('from loopback (userland proxy)', fromLoopback === '200', fromLoopback);
  const fromWorld = await script.show(
    `(other machine) curl ${url(HOST_ADDRESS).join(' ')}`,
    stage.onWorld('curl', url(HOST_ADDRESS)),
  );
  list.check('from another machine', fromWorld === '200', fromWorld);
  const fromContainer = await docker(
    'run',
    '--rm',
    '--network',
    'net-test',
    'busybox:1.36',
    'wget',
    '-q',
    '-S',
    '-O',
    '-',
    `http://${HOST_ADDRESS}:5000/v2/`,
  );
  list.check("from a container on another network, by the host's address", fromContainer === '{}', fromContainer);
  await pushAndPull(stage, list, script);
}

/** A blob goes in through the published port from the other machine, and comes out again. */
async function pushAndPull(stage: Stage, list: Checklist, script: Script): Promise<void> {
  const blob = `what goes in comes out: ${'0123456789abcdef'.repeat(4096)}`;
  const digest = `sha256:${createHash('sha256').update(blob).digest('hex')}`;
  const curl = (label: string, args: string[], input?: string): Promise<string> =>
    script.show(
      `(other machine) curl ${label}`,
      stage.onWorld('curl', ['-s', '-m', '10', ...args], input === undefined ? {} : { input }),
    );
  const base = `http://${HOST_ADDRESS}:5000/v2/passerelle/blobs`;
  const begun = await curl(`-X POST ${base}/uploads/`, [
    '-X',
    'POST',
    '-D',
    '-',
    '-o',
    '/dev/null',
    `${base}/uploads/`,
  ]);
  const location = /^location: (.*)$/im.exec(begun)?.[1]?.trim() ?? '';
  const put = `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
  const status = await curl(
    '-X PUT <upload> --data-binary @-',
    [
      '-X',
      'PUT',
      '-H',
      'Content-Type: application/octet-stream',
      '--data-binary',
      '@-',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      put,
    ],
    blob,
  );
  list.check('the registry takes a blob', status === '201', status);
  const { stdout } = await stage.onWorld('curl', ['-s', '-m', '10', `${base}/${digest}`]);
  list.check('and gives the same blob back', stdout === blob, `${stdout.length} bytes`);
}
