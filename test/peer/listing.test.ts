/** The same commands against dockerd and against Passerelle leave the same rules, in the same order. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { writeBusyboxArchive } from '../../scripts/images.ts';
import { Dockerd } from '../support/dockerd.ts';
import { normalised } from '../support/listing.ts';
import { join } from 'node:path';

let stage: Stage;
let dockerd: Dockerd;

beforeAll(async () => {
  stage = await Stage.set('passerelle-peer');
  await stage.startDaemon();
  dockerd = await Dockerd.start('passerelle-dockerd');
  const archive = join(stage.directory, 'busybox.tar');
  await writeBusyboxArchive(archive);
  await stage.docker('load', '-i', archive);
  await dockerd.docker('load', '-i', archive);
});

afterAll(async () => {
  await stage?.close();
  await dockerd?.close();
});

const RUN = 'run -d busybox:1.36 sleep 1000'.split(' ');
const run = (...options: string[]): string[] => [...RUN.slice(0, 2), ...options, ...RUN.slice(2)];

/** A story of networks and containers that come, change and go. */
const SCRIPT: readonly string[][] = [
  ['network', 'create', 'net-test'],
  ['network', 'create', 'second'],
  run('--name', 'c1', '--network', 'net-test', '-p', '5000:5000'),
  run('--name', 'c2', '-p', '8080:80', '-p', '8081:81/udp', '-p', '127.0.0.1:9000:90'),
  ['network', 'connect', 'second', 'c1'],
  ['stop', '-t', '0', 'c2'],
  ['network', 'create', '--internal', 'inside'],
  ['network', 'create', '-o', 'com.docker.network.bridge.enable_icc=false', '--subnet', '10.9.0.0/24', 'no-icc'],
  ['network', 'create', '-o', 'com.docker.network.bridge.enable_ip_masquerade=false', 'no-masquerade'],
  run('--name', 'c3', '--network', 'no-icc', '-p', '7000-7002:7000-7002'),
  ['start', 'c2'],
  ['network', 'disconnect', 'second', 'c1'],
  ['restart', '-t', '0', 'c1'],
  ['network', 'connect', 'no-icc', 'c1'],
  ['network', 'disconnect', 'net-test', 'c1'],
  ['rm', '-f', 'c3'],
  ['network', 'rm', 'second'],
  ['network', 'rm', 'inside'],
  ['network', 'rm', 'nothing-of-that-name'],
  ['network', 'rm', 'no-icc'],
  ['rm', '-f', 'c1', 'c2'],
  ['network', 'rm', 'no-icc', 'no-masquerade', 'net-test'],
];

async function listing(
  onHost: (command: string, args: string[]) => Promise<string>,
  docker: (...args: string[]) => Promise<string>,
): Promise<string[]> {
  const ls = await docker('network', 'ls', '--no-trunc', '--format', '{{.ID}} {{.Name}}');
  const names = new Map(
    ls
      .split('\n')
      .filter(Boolean)
      .map((line) => [`br-${line.slice(0, 12)}`, line.split(' ')[1]!]),
  );
  return normalised(await onHost('iptables-save', []), names);
}

test('a script of commands leaves the same listing after each of them', async () => {
  for (const [index, command] of SCRIPT.entries()) {
    const ours = await stage.outside(stage.client, command);
    const theirs = await dockerd.docker(...command);
    const at = `${index}: docker ${command.join(' ')}`;
    expect(ours.code, `${at}\n${ours.stderr}`).toBe(theirs.code);
    const a = await listing(
      async (program, args) => (await stage.onHost(program, args)).stdout,
      (...args) => stage.docker(...args),
    );
    const b = await listing(
      (program, args) => dockerd.onHost(program, args),
      async (...args) => (await dockerd.docker(...args)).stdout,
    );
    expect(a.join('\n'), at).toBe(b.join('\n'));
  }
});
