/** The differences that are meant to be, each with its reason. Anything else fails a sequence. */
import { compare, type Difference } from './compare.ts';
import type { Observation } from './observe.ts';

interface Allowance {
  readonly why: string;
  readonly path: RegExp;
  /** What is left of both when this is forgiven; nothing: all of it. */
  readonly leave?: (difference: Difference, theirs: Observation) => readonly [theirs: unknown, ours: unknown];
}

const forgiveIf = (holds: (difference: Difference) => boolean): NonNullable<Allowance['leave']> => {
  return (difference) => (holds(difference) ? [null, null] : [difference.theirs, difference.ours]);
};

export const ALLOWANCES: readonly Allowance[] = [
  {
    why: 'The raw table holds the hardening of Docker 28: no direct access to container addresses from other machines.',
    path: /^host › ip6?tables › raw/,
  },
  {
    why: 'dockerd 20.10 shows the gateway of its default bridge from its second start on.',
    path: /^networks › <bridge> › IPAM › Config › 0 › Gateway$/,
    leave: forgiveIf(({ theirs }) => theirs === undefined),
  },
  {
    why: 'Later Docker has DOCKER-USER for IPv6 too.',
    path: /^host › ip6tables › filter( DOCKER-USER| FORWARD)?$/,
    leave: ({ theirs, ours }) => [theirs, without(ours, /^-A FORWARD -j DOCKER-USER$|^-A DOCKER-USER |^DOCKER-USER /)],
  },
  {
    why: 'dockerd 20.10 leads to its IPv6 chains from the first IPv6 network on, and then in the order of the moment.',
    path: /^host › ip6tables › (nat OUTPUT|nat PREROUTING|filter FORWARD)$/,
    leave: ({ theirs, ours }) => {
      const leads = /^-A (OUTPUT|PREROUTING|FORWARD) .*-j DOCKER(-ISOLATION-STAGE-1)?$/;
      return theirs === undefined ? [[], without(ours, leads)] : [theirs, ours];
    },
  },
  {
    why: 'dockerd 20.10 isolates networks without IPv6 in ip6tables too, which nothing passes.',
    path: /^host › ip6tables › filter DOCKER-ISOLATION-STAGE-/,
    leave: ({ theirs, ours }, observed) => {
      const bridges = Object.entries(networksOf(observed))
        .filter(([, { EnableIPv6 }]) => !EnableIPv6)
        .map(([name, { Options }]) => Options['com.docker.network.bridge.name'] ?? `br-${name.replace('>', ':12>')}`);
      return [without(theirs, (line) => bridges.some((bridge) => line.includes(` ${bridge} `))), ours];
    },
  },
  {
    why: "Later Docker checks a new network's subnets at once, and answers 400 with all that is wrong.",
    path: /^answer$/,
    leave: forgiveIf(({ ours }) => (ours as Answered).body?.message?.startsWith('invalid network config:') ?? false),
  },
  {
    why: 'dockerd 20.10 answers 500 to some wrong requests; the text is the same.',
    path: /^answer$/,
    leave: ({ theirs, ours }) => {
      const [a, b] = [theirs as Answered, ours as Answered];
      return a.status === 500 && b.status >= 400 && b.status < 500 ? [a.body, b.body] : [a, b];
    },
  },
  {
    why: 'dockerd 20.10 keeps the namespace of a container that ended without networks, or did not start.',
    path: /^containers › [^›]+ › NetworkSettings › hasSandbox(Key)?$/,
    leave: ({ path, theirs, ours }, observed) =>
      containerOf(path, observed).State.Running ? [theirs, ours] : [null, null],
  },
  {
    why: 'dockerd 20.10 leaves what a failed start had done; a start is all or nothing here.',
    path: /^(containers › [^›]+ › NetworkSettings › Networks|listed › [^›]+ › (NetworkSettings|Ports)) › /,
    leave: ({ path, theirs, ours }, observed) =>
      containerOf(path, observed).State.Error ? [null, null] : [theirs, ours],
  },
  {
    why: 'A failed start is undone before it is told: dockerd 20.10 tells of the networks joined until then.',
    path: /^events$/,
    leave: ({ theirs, ours }, observed) => {
      const failed = Object.entries(containersOf(observed)).filter(([, { State }]) => State.Error);
      const isUndone = (line: string): boolean =>
        /^network (dis)?connect /.test(line) && failed.some(([name]) => line.includes(`"container":"${name}"`));
      return [without(theirs, isUndone), without(ours, isUndone)];
    },
  },
  {
    why: "There is no file of the host's own namespace.",
    path: /^containers › [^›]+ › NetworkSettings › hasSandboxKey$/,
    leave: ({ path, theirs, ours }, observed) =>
      containerOf(path, observed).HostConfig.NetworkMode === 'host' ? [null, null] : [theirs, ours],
  },
  {
    why: 'dockerd 20.10 tells twice that a running container is disconnected.',
    path: /^events$/,
    leave: ({ theirs, ours }) => {
      const isAgain = (line: string, index: number, lines: string[]): boolean =>
        line.startsWith('network disconnect ') && line === lines[index - 1];
      return [(theirs as string[]).filter((line, index, lines) => !isAgain(line, index, lines)), ours];
    },
  },
  {
    why: 'On disconnect dockerd 20.10 leaves the lines of lost addresses in the hosts file, or takes others away.',
    path: /^hosts › /,
    leave: ({ theirs, ours }) => {
      const own = /\t(<c\d('\d+)?:12>|host-c\d)$/;
      return [without(theirs, own), without(ours, own)];
    },
  },
  {
    why: 'In later Docker nothing leads out of an internal network: neither a gateway nor a default route.',
    path: /^(containers|listed) › [^›]+ › NetworkSettings › Networks › [^›]+ › (IPv6)?Gateway$/,
    leave: ({ path, theirs, ours }, observed) => {
      const name = path.split(' › ').at(-2);
      const its = Object.values(networksOf(observed)).find(({ Name }) => Name === name);
      return its?.Internal && ours === '' ? [null, null] : [theirs, ours];
    },
  },
  {
    why: 'In later Docker nothing leads out of an internal network: neither a gateway nor a default route.',
    path: /^sandboxes › [^›]+ › routes6? › .*"dst":"default"/,
    leave: ({ path, theirs, ours }, observed) => {
      const gateway = (JSON.parse(path.split(' › ')[3]!) as { gateway?: string }).gateway;
      const isInternal = Object.values(containerOf(path, observed).NetworkSettings.Networks).some(
        ({ Gateway, IPv6Gateway, NetworkID }) =>
          [Gateway, IPv6Gateway].includes(gateway ?? '') && networksOf(observed)[NetworkID]?.Internal,
      );
      return isInternal && ours === undefined ? [null, null] : [theirs, ours];
    },
  },
  {
    why: 'Later Docker lets the members of an internal IPv6 network speak to each other by all their addresses.',
    path: /^host › ip6tables › filter DOCKER-ISOLATION-STAGE-1$/,
    leave: ({ theirs, ours }) => {
      const plainly = (lines: unknown): string[] =>
        ((lines as string[] | undefined) ?? []).map((line) =>
          / ! -[sd] /.test(line) ? line.replace(/ ! -i \S+ -o/, ' -o').replace(/( -i \S+) ! -o \S+/, '$1') : line,
        );
      return [plainly(theirs), plainly(ours)];
    },
  },
  {
    why: 'Later Docker writes this sentence with a small letter.',
    path: /^answer$/,
    leave: ({ theirs, ours }) => [
      JSON.parse(JSON.stringify(theirs).replace("Invalid filter '", "invalid filter '")),
      ours,
    ],
  },
];

interface ObservedContainer {
  readonly State: { readonly Running: boolean; readonly Error: string };
  readonly HostConfig: { readonly NetworkMode: string };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, ObservedPlace>> };
}

interface ObservedPlace {
  readonly NetworkID: string;
  readonly Gateway: string;
  readonly IPv6Gateway: string;
}

const containersOf = (observed: Observation): Readonly<Record<string, ObservedContainer>> =>
  observed['containers'] as Readonly<Record<string, ObservedContainer>>;

/** The container that a path is of. */
const containerOf = (path: string, observed: Observation): ObservedContainer =>
  containersOf(observed)[path.split(' › ')[1]!] ?? {
    State: { Running: false, Error: '' },
    HostConfig: { NetworkMode: '' },
    NetworkSettings: { Networks: {} },
  };

const networksOf = (observed: Observation): Readonly<Record<string, ObservedNetwork>> =>
  observed['networks'] as Readonly<Record<string, ObservedNetwork>>;

interface ObservedNetwork {
  readonly Name: string;
  readonly Internal: boolean;
  readonly EnableIPv6: boolean;
  readonly Options: Readonly<Record<string, string>>;
}

interface Answered {
  readonly status: number;
  readonly body?: { readonly message?: string };
}

/** The differences that no allowance covers. */
export function unexplained(differences: readonly Difference[], theirs: Observation): readonly Difference[] {
  return differences.flatMap((difference) => {
    let rest = difference;
    for (const { path, leave } of ALLOWANCES) {
      if (!path.test(difference.path)) continue;
      const [left, right] = leave ? leave(rest, theirs) : [null, null];
      rest = { ...rest, theirs: left, ours: right };
    }
    return compare(orNothing(rest.theirs), orNothing(rest.ours)).length > 0 ? [rest] : [];
  });
}

/** No lines are the same as no chain. */
const orNothing = (value: unknown): unknown => (Array.isArray(value) && value.length === 0 ? null : (value ?? null));

/** The lines that do not match; nothing is no line. */
function without(lines: unknown, pattern: RegExp | ((line: string) => boolean)): string[] {
  const matches = typeof pattern === 'function' ? pattern : (line: string) => pattern.test(line);
  return ((lines as readonly string[] | undefined) ?? []).filter((line) => !matches(line));
}
