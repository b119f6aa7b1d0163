/** What a container's processes use, as the kernel counts it in their control group. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface NetworkCounters {
  readonly bytes: number;
  readonly packets: number;
  readonly errors: number;
  readonly dropped: number;
}

export interface Sample {
  readonly processes: { readonly current: number; readonly limit: number | undefined };
  /** Nanoseconds. */
  readonly cpu: {
    readonly total: number;
    /** By processor; version 2 does not count it. */
    readonly each: readonly number[] | undefined;
    readonly kernel: number;
    readonly user: number;
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttled: number;
    /** Of the whole machine. */
    readonly system: number;
  };
  /** Bytes. */
  readonly memory: {
    readonly usage: number;
    readonly highest: number | undefined;
    /** Undefined: none. */
    readonly limit: number | undefined;
    readonly details: Readonly<Record<string, number>>;
  };
  /** By the container's own link names, without loopback. */
  readonly links: Readonly<Record<string, { readonly received: NetworkCounters; readonly sent: NetworkCounters }>>;
}

/** /proc counts in hundredths of a second, whatever the kernel's own tick is. */
const TICK = 10_000_000;
const CGROUPS = '/sys/fs/cgroup';

/** @returns undefined if the process has ended */
export async function takeSample(pid: number): Promise<Sample | undefined> {
  try {
    const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8');
    const [usage, system, links] = await Promise.all([
      readUsage(groups),
      readFile('/proc/stat', 'utf8').then(systemTime),
      readFile(`/proc/${pid}/net/dev`, 'utf8').then(parseLinks),
    ]);
    return { ...usage, cpu: { ...usage.cpu, system }, links };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'ENODEV' || code === 'EINVAL') return undefined;
    throw error;
  }
}

type Usage = Pick<Sample, 'processes' | 'memory'> & { readonly cpu: Omit<Sample['cpu'], 'system'> };

function readUsage(groups: string): Promise<Usage> {
  const paths = new Map<string, string>();
  for (const line of groups.trim().split('\n')) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    for (const controller of controllers.split(',')) paths.set(controller, path);
  }
  const memory = paths.get('memory');
  if (memory === undefined) return readUnified(join(CGROUPS, paths.get('') ?? '/'));
  const folder = (controller: string): string => join(CGROUPS, controller, paths.get(controller) ?? '/');
  return readLegacy({ cpu: folder('cpu'), cpuacct: folder('cpuacct'), memory: folder('memory'), pids: folder('pids') });
}

/** Version 2: one folder. */
async function readUnified(folder: string): Promise<Usage> {
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const [cpu, memory, details, limit, current, most] = await Promise.all([
    read('cpu.stat').then(parseTable),
    read('memory.current').then(Number),
    read('memory.stat').then(parseTable),
    read('memory.max').then(parseLimit),
    read('pids.current').then(Number),
    read('pids.max').then(parseLimit),
  ]);
  const nanoseconds = (name: string): number => (cpu[name] ?? 0) * 1000;
  return {
    processes: { current, limit: most },
    cpu: {
      total: nanoseconds('usage_usec'),
      each: undefined,
      kernel: nanoseconds('system_usec'),
      user: nanoseconds('user_usec'),
      periods: cpu['nr_periods'] ?? 0,
      throttledPeriods: cpu['nr_throttled'] ?? 0,
      throttled: nanoseconds('throttled_usec'),
    },
    memory: { usage: memory, highest: undefined, limit, details },
  };
}

/** Version 1: one folder for each controller. */
async function readLegacy(folders: Readonly<Record<'cpu' | 'cpuacct' | 'memory' | 'pids', string>>): Promise<Usage> {
  const read = (folder: keyof typeof folders, name: string): Promise<string> =>
    readFile(join(folders[folder], name), 'utf8');
  const [total, each, times, throttling, usage, highest, details, limit, current, most] = await Promise.all([
    read('cpuacct', 'cpuacct.usage').then(Number),
    read('cpuacct', 'cpuacct.usage_percpu').then((text) => text.trim().split(/\s+/).map(Number)),
    read('cpuacct', 'cpuacct.stat').then(parseTable),
    read('cpu', 'cpu.stat').then(parseTable),
    read('memory', 'memory.usage_in_bytes').then(Number),
    read('memory', 'memory.max_usage_in_bytes').then(Number),
    read('memory', 'memory.stat').then(parseTable),
    read('memory', 'memory.limit_in_bytes').then(parseLimit),
    read('pids', 'pids.current').then(Number),
    read('pids', 'pids.max').then(parseLimit),
  ]);
  return {
    processes: { current, limit: most },
    cpu: {
      total,
      each,
      kernel: (times['system'] ?? 0) * TICK,
      user: (times['user'] ?? 0) * TICK,
      periods: throttling['nr_periods'] ?? 0,
      throttledPeriods: throttling['nr_throttled'] ?? 0,
      throttled: throttling['throttled_time'] ?? 0,
    },
    memory: { usage, highest, limit, details },
  };
}

/** Lines of a name and a number. */
function parseTable(text: string): Readonly<Record<string, number>> {
  const rows = text
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  return Object.fromEntries(rows.map(([name = '', value]) => [name, Number(value)]));
}

/** No limit is `max`, or a number that no machine reaches. */
function parseLimit(text: string): number | undefined {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Nanoseconds that the machine's processors were there for, in whatever state. */
export function systemTime(stat: string): number {
  const [, ...fields] = stat.slice(0, stat.indexOf('\n')).split(/\s+/);
  return fields.slice(0, 7).reduce((sum, field) => sum + Number(field), 0) * TICK;
}

export function parseLinks(text: string): Sample['links'] {
  const lines = text.trim().split('\n').slice(2);
  const links = lines.map((line) => {
    const [name = '', counters = ''] = line.split(':');
    const [bytes, packets, errors, dropped, , , , , sentBytes, sentPackets, sentErrors, sentDropped] = counters
      .trim()
      .split(/\s+/)
      .map(Number) as [number, ...number[]];
    const counted = (...[b = 0, p = 0, e = 0, d = 0]: (number | undefined)[]): NetworkCounters => ({
      bytes: b,
      packets: p,
      errors: e,
      dropped: d,
    });
    const received = counted(bytes, packets, errors, dropped);
    return [name.trim(), { received, sent: counted(sentBytes, sentPackets, sentErrors, sentDropped) }] as const;
  });
  return Object.fromEntries(links.filter(([name]) => name !== 'lo'));
}
