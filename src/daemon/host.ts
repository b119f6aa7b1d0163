import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Host } from '../core/engine/host.ts';
import { readResolvConf, watchResolvConf } from './resolv-conf.ts';

/** The machine that the daemon runs on, from /etc and /proc. */
export const machine: Host = {
  resolvConf: () => readResolvConf(),
  watchResolvConf: (changed) => watchResolvConf(changed),
  hostname,
  async linkNames() {
    const lines = (await readFile('/proc/net/dev', 'utf8')).split('\n').slice(2);
    return lines.map((line) => line.split(':', 1)[0]!.trim()).filter(Boolean);
  },
  async ephemeralPorts() {
    const [from, to] = (await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'))
      .trim()
      .split(/\s+/)
      .map(Number);
    return { from: from!, to: to! };
  },
  async uniqueLocalDigits() {
    const id = await machineId();
    return createHash('sha256').update(id.trim()).digest('hex').slice(0, 10);
  },
};

async function machineId(): Promise<string> {
  try {
    return await readFile('/etc/machine-id', 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return hostname();
    throw error;
  }
}
