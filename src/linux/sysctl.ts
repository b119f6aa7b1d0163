/** Kernel settings of the namespace that the thread is in: files below /proc/sys. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** `name` has slashes: a link's name may hold a dot. */
function path(name: string): string {
  if (name.split('/').includes('..')) throw new TypeError(`${name} is not the name of a sysctl`);
  return `/proc/sys/${name}`;
}

/** A kernel without IPv6 has none of its settings, and does what it would do with these. */
const WITHOUT_IPV6: Readonly<Record<string, string>> = { disable_ipv6: '1', accept_ra: '0', forwarding: '0' };

/** The value; undefined, if this kernel or namespace has no such setting. */
export function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(path(name), 'utf8').trimEnd();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const lacksIpv6 = name.startsWith('net/ipv6/') && !existsSync(path('net/ipv6/conf'));
    return lacksIpv6 ? WITHOUT_IPV6[name.slice(name.lastIndexOf('/') + 1)] : undefined;
  }
}

/** Writes a setting. Those of bridge filtering come with a kernel module, which is loaded if it is not there. */
export function writeSysctl(name: string, value: string): void {
  // What modprobe has to say is said better by the setting that is still missing.
  if (name.startsWith('net/bridge/') && !existsSync(path(name))) spawnSync('modprobe', ['br_netfilter']);
  writeFileSync(path(name), value, { flag: 'r+' });
}
