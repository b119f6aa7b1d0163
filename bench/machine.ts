/** What a run was made on. */
import { readFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { run } from './process.ts';

export interface Machine {
  readonly date: string;
  readonly hardware: string;
  readonly system: string;
  /** Program -> version. */
  readonly versions: readonly string[];
}

const PACKAGES = [
  'docker.io',
  'containerd',
  'runc',
  'conmon',
  'iptables',
  'nftables',
  'netavark',
  'containernetworking-plugins',
  'docker-compose',
  'iperf3',
];

export async function describeMachine(date: Date): Promise<Machine> {
  const processors = cpus();
  const name = /^PRETTY_NAME="?(.*?)"?$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  const listed = await run('dpkg-query', ['-W', '-f', '${Package} ${Version}\n', ...PACKAGES]);
  return {
    date: date.toISOString().slice(0, 16).replace('T', ' '),
    hardware: `${processors.length} × ${processors[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB`,
    system: `${name}, Linux ${release()}, Node ${process.version}`,
    versions: listed.trim().split('\n'),
  };
}
