/** Every packet of a namespace, traced by the kernel. */
import type { Version } from '../../src/core/address/address.ts';
import { withNamespace } from '../../src/linux/namespace.ts';
import { TraceMonitor, type TraceEvent } from '../../src/linux/netlink/nftrace.ts';
import { inside, namespacePath } from './stage.ts';

export const TRACE_TABLE = 'w-trace';

/** Marks every packet of a version of IP in a namespace for tracing. */
export function startTracing(name: string, version: Version): void {
  inside(
    name,
    ['nft', '-f', '-'],
    `table ${version === 4 ? 'ip' : 'ip6'} ${TRACE_TABLE} {
      chain first { type filter hook prerouting priority -450; meta nftrace set 1; }
      chain out { type filter hook output priority -450; meta nftrace set 1; }
    }`,
  );
}

export class Tracer {
  readonly #monitor: TraceMonitor;

  constructor(name: string) {
    this.#monitor = withNamespace(namespacePath(name), () => new TraceMonitor());
  }

  /** The events since the last call. Throws if the kernel had to drop some. */
  take(): readonly TraceEvent[] {
    const { events, lost } = this.#monitor.take();
    if (lost) throw new Error('the kernel had to drop events of its trace');
    return events;
  }

  close(): void {
    this.#monitor.close();
  }
}
