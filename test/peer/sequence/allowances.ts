/**
 * The differences that are meant to be, each with its reason: later Docker is as we are, but for what is ours.
 * Anything else fails a sequence.
 */
import type { Answer } from '../../support/api.ts';
import { compare, type Difference } from './compare.ts';
import type { ObservedContainer, Observation } from './observe.ts';
import type { Step } from './step.ts';

/** What a difference came about in. */
export interface Circumstances {
  /** How dockerd was found. */
  readonly observed: Observation;
  /** The steps until then, the last of which it came with. */
  readonly steps: readonly Step[];
  readonly theirs: Answer | undefined;
  readonly ours: Answer | undefined;
}

interface Allowance {
  readonly why: string;
  readonly path: RegExp;
  /** What is left of both when this is forgiven. */
  readonly leave: (difference: Difference, circumstances: Circumstances) => readonly [theirs: unknown, ours: unknown];
}

const forgiveIf = (holds: (difference: Difference, circumstances: Circumstances) => boolean): Allowance['leave'] => {
  return (difference, circumstances) =>
    holds(difference, circumstances) ? [null, null] : [difference.theirs, difference.ours];
};

// What several of them have as their reason.
const ALL_OR_NOTHING = 'Ours: a start that fails leaves nothing of itself, and tells of nothing but its failure.';
const NO_WAY_OUT = 'Hardening: nothing leads out of an internal network, neither a gateway nor a default route.';
const ONE_PORT = 'Mended since: any free port is the same one for all addresses.';

export const ALLOWANCES: readonly Allowance[] = [
  {
    why: 'Hardening (28): the raw table drops direct access to container addresses from other machines.',
    path: /^host › ip6?tables › raw PREROUTING$/,
    leave: ({ theirs, ours }) => [
      theirs,
      without(
        ours,
        /^-A PREROUTING -d \S+ ! -i \S+ -j DROP$|^-A PREROUTING -d 127\.0\.0\.1\/32 ! -i lo -p (tcp|udp) .*-j DROP$/,
      ),
    ],
  },
  {
    why: 'Mended since: DOCKER-USER is there for IPv6 too.',
    path: /^host › ip6tables › filter( DOCKER-USER| FORWARD)?$/,
    leave: ({ theirs, ours }) => [theirs, without(ours, /^-A FORWARD -j DOCKER-USER$|^-A DOCKER-USER |^DOCKER-USER /)],
  },
  {
    why: 'Mended since: networks without IPv6 have no rules in ip6tables.',
    path: /^host › ip6tables › filter DOCKER-ISOLATION-STAGE-/,
    leave: ({ theirs, ours }, { observed }) => {
      const bridges = Object.entries(observed.networks ?? {})
        .filter(([, { EnableIPv6 }]) => !EnableIPv6)
        .map(([name, { Options }]) => Options['com.docker.network.bridge.name'] ?? `br-${name.replace('>', ':12>')}`);
      return [without(theirs, (line) => bridges.some((bridge) => line.includes(` ${bridge} `))), ours];
    },
  },
  {
    why: "Mended since: a new network's subnets are checked at once, and all that is wrong is told with 400.",
    path: /^answer › /,
    leave: forgiveIf(
      (_, { theirs, ours }) =>
        theirs!.status >= 400 && ours!.status === 400 && messageOf(ours).startsWith('invalid network config:'),
    ),
  },
  {
    why: 'Told otherwise since: what is wrong with a place begins with its being its settings.',
    path: /^answer › body › message$/,
    leave: ({ theirs, ours }) => [theirs, withoutPrefix(ours)],
  },
  {
    why: 'Mended since: that a subnet with a range overlaps another is seen before the bridge is made.',
    path: /^answer › body › message$/,
    leave: forgiveIf(
      (_, { theirs, ours }) =>
        /networks have overlapping IPv[46]$/.test(messageOf(theirs)) &&
        messageOf(ours) === 'Pool overlaps with other one on this address space',
    ),
  },
  {
    why: 'Mended since: wrong requests are not answered with 500; the text is the same.',
    path: /^answer › status$/,
    leave: forgiveIf(
      (_, { theirs, ours }) =>
        theirs!.status === 500 &&
        ours!.status >= 400 &&
        ours!.status < 500 &&
        messageOf(theirs) === withoutPrefix(messageOf(ours)),
    ),
  },
  {
    why: 'Mended since: that a port is taken on another address is known before the kernel is asked.',
    path: /^(answer › body › message|containers › [^›]+ › State › Error)$/,
    leave: ({ theirs, ours }) => [
      String(theirs).replace(
        /Error starting userland proxy: listen \w+ (\S+): bind: address already in use$/,
        'Bind for $1',
      ),
      String(ours).replace(/ failed: port is already allocated$/, ''),
    ],
  },
  {
    why: 'Ours: what is removed is forgotten; dockerd knows of a container that one is linked to where it was.',
    path: /^(answer › body › message|containers › [^›]+ › State › Error)$/,
    leave: forgiveIf(({ theirs, ours }, { observed }) => {
      const [, name] = /Cannot link to (\S+), as it does not belong to the default network$/.exec(String(theirs)) ?? [];
      return (
        name !== undefined &&
        String(ours).includes(`Cannot link to a non running container: ${name} AS `) &&
        Object.values(observed.containers ?? {}).every(({ Name }) => Name !== name)
      );
    }),
  },
  {
    why: 'Mended since: the namespace of a container that has ended is not shown.',
    path: /^containers › [^›]+ › NetworkSettings › hasSandbox(Key)?$/,
    leave: forgiveIf(({ path, theirs }, { observed }) => theirs === true && !containerOf(path, observed).State.Running),
  },
  {
    why: ALL_OR_NOTHING,
    path: /^containers › [^›]+ › NetworkSettings › (Networks › [^›]+ › )?\w+$/,
    leave: forgiveIf(
      ({ path, theirs, ours }, { observed }) =>
        hasFailed(containerOf(path, observed)) && (ours === '' || ours === 0 || isPart(ours ?? [], theirs)),
    ),
  },
  {
    why: ALL_OR_NOTHING,
    path: /^events$/,
    leave: ({ theirs, ours }, { steps, ours: answer }) => {
      const isFailedStart = /\/(start|restart)$/.test(steps.at(-1)!.path) && answer!.status >= 400;
      const isUndone = (line: string): boolean => isFailedStart && /^network (dis)?connect /.test(line);
      return [without(theirs, isUndone), without(ours, isUndone)];
    },
  },
  {
    why: ALL_OR_NOTHING,
    path: /^listed › [^›]+ › (NetworkSettings › Networks › [^›]+ › \w+|Ports › .*)$/,
    leave: forgiveIf(
      ({ path, ours }, { observed }) =>
        ['', 0, undefined].includes(ours as never) && hasFailed(containerOf(path, observed)),
    ),
  },
  {
    why: 'Mended since: that a running container is disconnected is told once.',
    path: /^events$/,
    leave: ({ theirs, ours }) => {
      const isAgain = (line: string, index: number, lines: string[]): boolean =>
        line.startsWith('network disconnect ') && line === lines[index - 1];
      return [(theirs as string[]).filter((line, index, lines) => !isAgain(line, index, lines)), ours];
    },
  },
  {
    why: 'A bug: on disconnect the line of the lost address stays in the hosts file, or all of its kind go.',
    path: /^hosts › /,
    leave: ({ path, theirs, ours }, { observed, steps }) => {
      if (!steps.some((step) => step.path.endsWith('/disconnect'))) return [theirs, ours];
      const { Config, NetworkSettings } = holderOf(path, observed);
      const addresses = Object.values(NetworkSettings.Networks).flatMap((its) => [
        its.IPAddress,
        its.GlobalIPv6Address,
      ]);
      const right = addresses.filter(Boolean).map((address) => `${address}\t${Config.Hostname}`);
      const isOwn = (line: string): boolean => line.endsWith(`\t${Config.Hostname}`);
      // What is left of ours must be right.
      return [
        [...without(theirs, isOwn), ...right],
        [...without(ours, isOwn), ...(ours as string[]).filter(isOwn)],
      ].map((lines) => lines.sort()) as [unknown, unknown];
    },
  },
  {
    why: NO_WAY_OUT,
    path: /^(containers|listed) › [^›]+ › NetworkSettings › Networks › [^›]+ › (IPv6)?Gateway$/,
    leave: ({ path, theirs, ours }, { observed }) => {
      const name = path.split(' › ').at(-2);
      const its = Object.values(observed.networks ?? {}).find(({ Name }) => Name === name);
      return its?.Internal && ours === '' ? [null, null] : [theirs, ours];
    },
  },
  {
    why: NO_WAY_OUT,
    path: /^sandboxes › [^›]+ › routes6? › .*"dst":"default"/,
    leave: ({ path, theirs, ours }, { observed }) => {
      const gateway = (JSON.parse(path.split(' › ')[3]!) as { gateway?: string }).gateway;
      const isInternal = Object.values(containerOf(path, observed).NetworkSettings.Networks).some(
        ({ Gateway, IPv6Gateway, NetworkID }) =>
          [Gateway, IPv6Gateway].includes(gateway ?? '') && (observed.networks ?? {})[NetworkID]?.Internal,
      );
      return isInternal && ours === undefined ? [null, null] : [theirs, ours];
    },
  },
  {
    why: 'Mended since: members of an internal IPv6 network speak to each other by all their addresses.',
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
    why: ONE_PORT,
    path: /^(host › ip6?tables › nat DOCKER|containers › [^›]+ › NetworkSettings › Ports › .*)$/,
    leave: ({ theirs, ours }) => [withoutFreePorts(theirs), withoutFreePorts(ours)],
  },
  {
    why: ONE_PORT,
    path: /^listed › [^›]+ › Ports › .*"PublicPort":/,
    leave: forgiveIf(({ path }) => Number(/"PublicPort":(\d+)/.exec(path)![1]) >= FIRST_FREE_PORT),
  },
  {
    why: 'Told otherwise since: filters that are wrong.',
    path: /^answer › body › message$/,
    leave: ({ theirs, ours }) => [
      String(theirs).replace(/^(Invalid filter|invalid value for filter) '(\w+)'.*/, "invalid filter '$2'"),
      String(ours).replace(/^(invalid filter '\w+)=.*/, "$1'"),
    ],
  },
];

/** Where the ports begin that are taken if any will do. */
const FIRST_FREE_PORT = 32_768;

function withoutFreePorts(value: unknown): unknown {
  if (value === undefined) return value;
  const text = JSON.stringify(value).replace(/(--dport |")(\d{5})(?=[ "])/g, (all, before: string, port: string) =>
    Number(port) >= FIRST_FREE_PORT ? `${before}<free>` : all,
  );
  return JSON.parse(text) as unknown;
}

const messageOf = (answer: Answer | undefined): string =>
  (answer?.body as { message?: string } | undefined)?.message ?? '';

const withoutPrefix = (message: unknown): string => String(message).replace(/^invalid endpoint settings:\n/, '');

/** The container that a path is of. */
const containerOf = (path: string, { containers = {} }: Observation): ObservedContainer =>
  containers[path.split(' › ')[1]!] ?? {
    Name: '',
    State: { Running: false, Error: '' },
    Config: { Hostname: '' },
    HostConfig: { NetworkMode: '', PortBindings: null, PublishAllPorts: false, Links: null },
    NetworkSettings: { Networks: {}, Ports: {} },
  };

/** The container whose namespace that of a path shares: itself, or another. */
function holderOf(path: string, observed: Observation): ObservedContainer {
  const container = containerOf(path, observed);
  const [, ref] = /^container:(.*?)(?::12>)?$/.exec(container.HostConfig.NetworkMode) ?? [];
  if (!ref) return container;
  const isMeant = ([id, { Name }]: [string, ObservedContainer]): boolean => id.startsWith(ref) || Name === `/${ref}`;
  return Object.entries(observed.containers ?? {}).find(isMeant)?.[1] ?? container;
}

const isPart = (some: unknown, all: unknown): boolean =>
  Array.isArray(some) && Array.isArray(all) && some.every((item) => all.includes(item));

const hasFailed = ({ State }: ObservedContainer): boolean => !State.Running && State.Error !== '';

/** The differences that no allowance covers. */
export function unexplained(differences: readonly Difference[], circumstances: Circumstances): readonly Difference[] {
  return differences.flatMap((difference) => {
    let rest = difference;
    for (const { path, leave } of ALLOWANCES) {
      if (!path.test(difference.path)) continue;
      const [left, right] = leave(rest, circumstances);
      rest = { ...rest, theirs: left, ours: right };
      if (compare(orNothing(left), orNothing(right)).length === 0) return [];
    }
    return [rest];
  });
}

/** No lines are the same as no chain. */
const orNothing = (value: unknown): unknown => (Array.isArray(value) && value.length === 0 ? null : (value ?? null));

/** The lines that do not match; nothing is no line. */
function without(lines: unknown, pattern: RegExp | ((line: string) => boolean)): string[] {
  const matches = typeof pattern === 'function' ? pattern : (line: string) => pattern.test(line);
  return ((lines as readonly string[] | undefined) ?? []).filter((line) => !matches(line));
}
