/** What is to be reached. */
import type { Measure, Peer, Sheet } from './sheet.ts';
import { summarise } from './statistics.ts';

type Ours = 'nftables' | 'iptables';

export interface Mark {
  readonly about: string;
  /** What is held against what: a ratio to `than`, or the value itself in the measure's unit. */
  readonly of: string;
  readonly than?: { readonly measure?: string; readonly peer?: Peer };
  readonly atMost?: Readonly<Partial<Record<Ours, number>>>;
  readonly atLeast?: Readonly<Partial<Record<Ours, number>>>;
}

const toDockerd = (of: string, nftables: number, iptables: number): Mark => ({
  about: `${of}, to dockerd`,
  of,
  than: { peer: 'dockerd' },
  atMost: { nftables: 1 / nftables, iptables: 1 / iptables },
});

const growth = (change: string): Mark => ({
  about: `${change}: 1,000 networks to 10`,
  of: `${change}, 1000 networks`,
  than: { measure: `${change}, 10 networks` },
  atMost: { nftables: 1.5, iptables: 3 },
});

export const MARKS: readonly Mark[] = [
  toDockerd('network create', 20, 7),
  toDockerd('network remove', 8, 5),
  toDockerd('connect', 6, 4),
  toDockerd('disconnect', 6, 4),
  toDockerd("network's share of the start with 1 port", 12, 7),
  toDockerd("network's share of the start with 100 ports", 80, 40),
  toDockerd('remove with 100 ports', 100, 60),
  toDockerd('create and start with 1 port', 4, 4),
  {
    about: 'new connection: 5,000 ports to 1',
    of: 'new connection, last of 5000 ports',
    than: { measure: 'new connection, last of 1 ports' },
    atMost: { nftables: 1.15 },
  },
  ...['network create', 'network remove', 'connect', 'disconnect', 'start', 'remove'].map(growth),
  {
    about: 'memory for each published port (kB)',
    of: 'memory for each published port',
    atMost: { nftables: 30, iptables: 30 },
  },
  {
    about: 'memory of the daemon, idle (MB)',
    of: 'memory of the daemon, idle',
    atMost: { nftables: 110, iptables: 110 },
  },
  {
    about: 'throughput through the userland proxy, to docker-proxy',
    of: 'throughput through the userland proxy',
    than: { peer: 'dockerd' },
    atLeast: { nftables: 1.2, iptables: 1.2 },
  },
  {
    about: 'trace over 1,000 networks and 5,000 published ports (ms)',
    of: 'trace over 1000 networks, 5000 ports',
    atMost: { nftables: 50, iptables: 50 },
  },
  {
    about: 'parse of a save of 20,000 lines (ms)',
    of: 'parse of a save of 20000 lines',
    atMost: { iptables: 500 },
  },
];

export interface Verdict {
  readonly mark: Mark;
  readonly peer: Ours;
  readonly limit: number;
  readonly value: number;
  readonly isMet: boolean;
}

/** How the marks stand; those that were not measured are left out. */
export function judge(sheet: Sheet): readonly Verdict[] {
  return MARKS.flatMap((mark) =>
    (['nftables', 'iptables'] as const).flatMap((peer): Verdict[] => {
      const limit = mark.atMost?.[peer] ?? mark.atLeast?.[peer];
      const value = median(sheet.find(mark.of), peer);
      const base = mark.than ? median(sheet.find(mark.than.measure ?? mark.of), mark.than.peer ?? peer) : 1;
      if (limit === undefined || value === undefined || base === undefined) return [];
      const ratio = value / base;
      return [{ mark, peer, limit, value: ratio, isMet: mark.atMost ? ratio <= limit : ratio >= limit }];
    }),
  );
}

function median(measure: Measure | undefined, peer: Peer): number | undefined {
  const values = measure?.values.get(peer);
  return values && summarise(values).median;
}
