import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Host } from '../core/engine/host.ts';

const RESOLV_CONF = '/etc/resolv.conf';
/** systemd-resolved's stub answers on loopback only; here are the servers that it asks itself. */
const RESOLVED_CONF = '/run/systemd/resolve/resolv.conf';
const STUB = /^\s*nameserver\s+127\.0\.0\.53\s*$/m;

/** The machine that the daemon runs on, from /etc and /proc. */
export const machine: Host = {
  async resolvConf() {
    const text = await orElse(RESOLV_CONF, '');
    return STUB.test(text) ? orElse(RESOLVED_CONF, text) : text;
  },
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
    const id = await orElse('/etc/machine-id', hostname());
    return createHash('sha256').update(id.trim()).digest('hex').slice(0, 10);
  },
};

async function orElse(path: string, fallback: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return fallback;
    throw error;
  }
}
