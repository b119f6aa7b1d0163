/** `docker stats`: what a container uses, once or every second. */
import type { NetworkCounters, Sample } from '../../../containers/stats/sample.ts';
import type { ContainerRecord } from '../../../core/container/container.ts';
import type { Call } from '../http/call.ts';
import { json, stream, type Reply } from '../http/reply.ts';
import type { Routes } from '../http/router.ts';
import type { Services } from '../services.ts';

const PERIOD = 1000;

export interface Reading {
  readonly time: string;
  /** Undefined: it does not run. */
  readonly sample: Sample | undefined;
}

const NOTHING: Reading = { time: '0001-01-01T00:00:00Z', sample: undefined };

export function statsRoutes({ engine: { containers }, processes, clock, system }: Services): Routes {
  const read = async (id: string): Promise<Reading> => {
    const { pid } = containers.get(id).container.state;
    const sample = pid > 0 ? await processes.sample(pid) : undefined;
    return sample ? { time: clock.now(), sample } : NOTHING;
  };

  const next = (gone: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        gone.removeEventListener('abort', done);
        resolve();
      };
      const timer = clock.after(PERIOD, done);
      gone.addEventListener('abort', done);
    });

  async function* every(container: ContainerRecord, gone: AbortSignal): AsyncGenerator<string> {
    for (let before = NOTHING; !gone.aborted; await next(gone)) {
      const now = await read(container.id);
      yield `${JSON.stringify(presentStats(container, now, before, system))}\n`;
      before = now;
    }
  }

  const stats = async ({ params, query, gone }: Call): Promise<Reply> => {
    const { container } = containers.get(params['id']!);
    if (query.flag('stream', true)) return stream(every(container, gone), 'application/json');
    let before = NOTHING;
    if (container.state.pid > 0 && !query.flag('one-shot')) {
      // A share of the processors is the difference of two readings.
      before = await read(container.id);
      await next(gone);
    }
    return json(presentStats(container, await read(container.id), before, system));
  };

  return { 'GET /containers/{id}/stats': stats };
}

type Machine = Pick<Services['system'], 'memory' | 'processors'>;

export function presentStats(
  container: Pick<ContainerRecord, 'id' | 'name' | 'hostConfig'>,
  now: Reading,
  before: Reading,
  machine: Machine,
): object {
  const { sample } = now;
  const ownNetwork = sample !== undefined && container.hostConfig.NetworkMode !== 'host';
  const counted = sample ? [] : null;
  return {
    read: now.time,
    preread: before.time,
    pids_stats: sample
      ? {
          current: sample.processes.current,
          ...(sample.processes.limit === undefined ? {} : { limit: sample.processes.limit }),
        }
      : {},
    // Not counted.
    blkio_stats: {
      io_service_bytes_recursive: counted,
      io_serviced_recursive: counted,
      io_queue_recursive: counted,
      io_service_time_recursive: counted,
      io_wait_time_recursive: counted,
      io_merged_recursive: counted,
      io_time_recursive: counted,
      sectors_recursive: counted,
    },
    num_procs: 0,
    storage_stats: {},
    cpu_stats: presentCpu(sample, machine),
    precpu_stats: presentCpu(before.sample, machine),
    memory_stats: sample ? presentMemory(sample, machine) : {},
    name: `/${container.name}`,
    id: container.id,
    ...(ownNetwork ? { networks: presentLinks(sample) } : {}),
  };
}

function presentCpu(sample: Sample | undefined, { processors }: Machine): object {
  const cpu = sample?.cpu;
  return {
    cpu_usage: {
      total_usage: cpu?.total ?? 0,
      ...(cpu?.each ? { percpu_usage: cpu.each } : {}),
      usage_in_kernelmode: cpu?.kernel ?? 0,
      usage_in_usermode: cpu?.user ?? 0,
    },
    ...(cpu ? { system_cpu_usage: cpu.system, online_cpus: processors } : {}),
    throttling_data: {
      periods: cpu?.periods ?? 0,
      throttled_periods: cpu?.throttledPeriods ?? 0,
      throttled_time: cpu?.throttled ?? 0,
    },
  };
}

const presentMemory = ({ memory }: Sample, machine: Machine): object => ({
  usage: memory.usage,
  ...(memory.highest === undefined ? {} : { max_usage: memory.highest }),
  stats: memory.details,
  limit: Math.min(memory.limit ?? machine.memory, machine.memory),
});

function presentLinks({ links }: Sample): object {
  const count = (prefix: string, { bytes, packets, errors, dropped }: NetworkCounters): object => ({
    [`${prefix}_bytes`]: bytes,
    [`${prefix}_packets`]: packets,
    [`${prefix}_errors`]: errors,
    [`${prefix}_dropped`]: dropped,
  });
  const shown = Object.entries(links).map(([name, { received, sent }]) => [
    name,
    { ...count('rx', received), ...count('tx', sent) },
  ]);
  return Object.fromEntries(shown) as object;
}
