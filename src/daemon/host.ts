import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Host } from '../core/engine/host.ts';
import { contentOf, readResolvConf, watchResolvConf } from './resolv-conf.ts';

/** The machine that the daemon runs on, from /etc and /proc: small files, which are read faster than a thread is asked to. */
export const machine: Host = {
  resolvConf: async () => readResolvConf(),
  watchResolvConf: (changed) => watchResolvConf(changed),
  hostname,
  hosts: async () => contentOf('/etc/hosts', ''),
  async linkNames() {
    const lines = readFileSync('/proc/net/dev', 'utf8').split('\n').slice(2);
    return lines.map((line) => line.split(':', 1)[0]!.trim()).filter(Boolean);
  },
  async ephemeralPorts() {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
    const [from, to] = range.trim().split(/\s+/).map(Number);
    return { from: from!, to: to! };
  },
  async uniqueLocalDigits() {
    // It stays as it is for the machine's life.
    return (digits ??= hash('sha256', machineId().trim()).slice(0, 10));
  },
};

let digits: string | undefined;

function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return hostname();
    throw error;
  }
}
