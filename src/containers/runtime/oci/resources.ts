import type { HostConfig } from '../../../core/container/config.ts';
import type { OciResources } from './config.ts';

const CPU_PERIOD = 100_000;

/** What the host's kernel can limit. */
export interface ResourceSupport {
  /** The kernel accounts for swap: without that, a swap limit is an error. */
  readonly swap: boolean;
}

/** The limits that a container's settings ask for; a 0 there means none. */
export function resources(host: HostConfig, support: ResourceSupport): OciResources {
  // Docker's rule: as much swap as memory again, unless something else is said.
  const swap = host.MemorySwap || (host.Memory > 0 ? 2 * host.Memory : 0);
  const memory = {
    ...(host.Memory > 0 && { limit: host.Memory }),
    ...(support.swap && swap !== 0 && { swap }),
    ...when(positive(host['MemoryReservation']), (reservation) => ({ reservation })),
    ...when(swappiness(host['MemorySwappiness']), (value) => ({ swappiness: value })),
    ...(host['OomKillDisable'] === true && { disableOOMKiller: true }),
  };
  const cpu = {
    ...(host.CpuShares > 0 && { shares: host.CpuShares }),
    ...(host.NanoCpus > 0
      ? { quota: Math.round((host.NanoCpus * CPU_PERIOD) / 1e9), period: CPU_PERIOD }
      : {
          ...(host.CpuQuota !== 0 && { quota: host.CpuQuota }),
          ...(host.CpuPeriod > 0 && { period: host.CpuPeriod }),
        }),
    ...when(text(host['CpusetCpus']), (cpus) => ({ cpus })),
    ...when(text(host['CpusetMems']), (mems) => ({ mems })),
  };
  return {
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(host.PidsLimit !== null &&
      host.PidsLimit !== undefined &&
      host.PidsLimit !== 0 && {
        pids: { limit: host.PidsLimit },
      }),
  };
}

function when<T, R extends object>(value: T | undefined, make: (value: T) => R): R | undefined {
  return value === undefined ? undefined : make(value);
}

const positive = (value: unknown): number | undefined => (typeof value === 'number' && value > 0 ? value : undefined);
const swappiness = (value: unknown): number | undefined =>
  typeof value === 'number' && value >= 0 ? value : undefined;
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
