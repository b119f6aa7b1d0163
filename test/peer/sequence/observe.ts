/** Everything that is compared of one side, as plain data in which names, not ids or times, stand. */
import { readFile } from 'node:fs/promises';
import type { Api } from '../../support/api.ts';
import type { NamespaceShell } from '../../support/shell.ts';
import { numberIds, type IdNames } from './names.ts';
import { hostsInOrder } from './order.ts';

/** `<n1>` -> what is said of that network, and so on; names stand for ids in all of it. */
export interface Observation {
  readonly networks?: Readonly<Record<string, ObservedNetwork>>;
  readonly containers?: Readonly<Record<string, ObservedContainer>>;
  readonly [part: string]: unknown;
}

export interface ObservedNetwork {
  readonly Name: string;
  readonly Internal: boolean;
  readonly ConfigOnly: boolean;
  readonly EnableIPv6: boolean;
  readonly Options: Readonly<Record<string, string>>;
  readonly IPAM: { readonly Config: readonly { readonly Subnet: string; readonly Gateway?: string }[] };
  readonly Containers: Readonly<Record<string, unknown>>;
}

export interface ObservedContainer {
  /** With the stroke in front. */
  readonly Name: string;
  readonly State: { readonly Running: boolean; readonly Error: string };
  readonly Config: { readonly Hostname: string };
  readonly HostConfig: {
    readonly NetworkMode: string;
    readonly PortBindings: Readonly<Record<string, readonly { readonly HostPort: string }[]>> | null;
    readonly PublishAllPorts: boolean;
    /** `/box0:/box1/db` */
    readonly Links: readonly string[] | null;
  };
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, ObservedPlace>>;
    readonly Ports: Readonly<Record<string, unknown>>;
  };
}

export interface ObservedPlace {
  readonly IPAMConfig: { readonly IPv4Address?: string; readonly IPv6Address?: string } | null;
  readonly NetworkID: string;
  readonly Gateway: string;
  readonly IPv6Gateway: string;
  readonly IPAddress: string;
  readonly GlobalIPv6Address: string;
}

interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly State: { readonly Pid: number; readonly Running: boolean };
  readonly HostConfig: { readonly NetworkMode: string };
  readonly HostsPath: string;
  readonly NetworkSettings: { readonly SandboxID: string; readonly SandboxKey: string };
}

interface InspectedNetwork {
  readonly Id: string;
  readonly Created: string;
  readonly Containers: Readonly<Record<string, { readonly EndpointID: string }>>;
}

const LINKS_AND_ROUTES = "printf 'address\\nroute\\n' | ip -j -batch -";
const ROUTES6 = 'ip -j -6 route';

export async function observe(api: Api, shell: NamespaceShell, names: IdNames): Promise<Observation> {
  const listed = await api.get<{ Id: string; Name: string }[]>('/networks');
  const networks = await inspectAll<InspectedNetwork>(api, listed, ({ Id }) => `/networks/${Id}`);
  const summaries = await api.get<{ Id: string; Ports: object[] }[]>('/containers/json?all=1');
  const containers = await inspectAll<Inspected>(api, summaries, ({ Id }) => `/containers/${Id}/json`);
  const running = containers.filter(({ State }) => State.Running);
  const inside = running.filter((container) => !isInHost(container, containers));
  const enter = ({ State }: Inspected): string => `nsenter -t ${State.Pid} -n `;
  const withRoutes6 = new Set<Inspected>();
  for (const container of inside) if (await hasRoutes6(container)) withRoutes6.add(container);
  const [rules = '', rules6 = '', linksAndRoutes, routes6, ...insides] = await shell.run([
    'iptables-save',
    'ip6tables-save',
    LINKS_AND_ROUTES,
    ROUTES6,
    ...inside.flatMap((container) => [
      LINKS_AND_ROUTES.replace('ip ', `${enter(container)}ip `),
      withRoutes6.has(container) ? `${enter(container)}${ROUTES6}` : ':',
    ]),
  ]);
  const host = {
    iptables: chains(rules),
    ip6tables: chains(rules6),
    ...presentInet(linksAndRoutes, routes6, true),
  };
  const sandboxes = inside.map(({ Id }, index): [string, object] => [
    Id,
    presentInet(insides[index * 2], insides[index * 2 + 1], false),
  ]);
  const files = await Promise.all(
    running.map(async ({ Id, HostsPath }): Promise<[string, string[]]> => [
      Id,
      (await readFile(HostsPath, 'utf8').catch(String)).split('\n'),
    ]),
  );
  const byId = <T extends { Id: string }>(rows: readonly T[], shown: (row: T) => object): object =>
    Object.fromEntries(rows.map((row) => [row.Id, shown(row)]));
  const plain = withEndpointNames(
    networks,
    canonical({
      host,
      sandboxes: Object.fromEntries(sandboxes),
      hosts: Object.fromEntries(files),
      networks: byId(networks, (network) => omit(network, ['Created'])),
      containers: byId(containers, presentContainer),
      listed: byId(summaries, ({ Ports, ...shown }) => presentSummary(Ports, shown)),
    }),
  );
  const text = names.normalise(plain);
  // Ids are in no order; names are.
  return JSON.parse(numberIds(canonical(inOrder(JSON.parse(text) as Named)))) as Observation;
}

/** Whether its namespace is the host's, or that of one which is there. */
function isInHost({ HostConfig }: Inspected, all: readonly Inspected[]): boolean {
  const [mode, ref = ''] = HostConfig.NetworkMode.split(':');
  if (mode !== 'container') return mode === 'host';
  const holder = all.find(({ Id, Name }) => Id.startsWith(ref) || Name === `/${ref}`);
  return holder !== undefined && isInHost(holder, all);
}

/** Says of endpoints whose they are: what else is left of one has only an id. */
function withEndpointNames(networks: readonly InspectedNetwork[], text: string): string {
  const endpoints = networks.flatMap(({ Id, Containers }) =>
    Object.entries(Containers).map(([container, { EndpointID }]) => [EndpointID, `${container} on ${Id}`] as const),
  );
  return endpoints.reduce((named, [id, name]) => named.replaceAll(id, name), text);
}

/** Without what has removed itself since it was listed. */
async function inspectAll<T>(
  api: Api,
  listed: readonly { readonly Id: string }[],
  path: (row: { readonly Id: string }) => string,
): Promise<readonly T[]> {
  const answers = await Promise.all(listed.map((row) => api.call('GET', path(row))));
  return answers.flatMap(({ status, body }) => (status === 404 ? [] : [body as T]));
}

interface Namespace {
  readonly links: object[];
}

interface Named {
  readonly host: Namespace;
  readonly sandboxes: Readonly<Record<string, Namespace>>;
  readonly hosts: Readonly<Record<string, readonly string[]>>;
}

/** Without the orders of chance. */
function inOrder(named: Named): object {
  for (const { links } of [named.host, ...Object.values(named.sandboxes)]) {
    links.sort((a, b) => (canonical(a) < canonical(b) ? -1 : 1));
  }
  const hosts = Object.entries(named.hosts).map(([name, lines]) => [name, hostsInOrder(lines)]);
  return { ...named, hosts: Object.fromEntries(hosts) };
}

/** JSON with sorted keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** `nat DOCKER` -> its rules in order, `nat` -> its chains with their policies. */
function chains(save: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  let table = '';
  for (const line of save.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    else if (line.startsWith(':')) {
      const [chain = '', policy = ''] = line.slice(1).split(' ');
      if (policy === '-' || policy === 'DROP') (found[table] ??= []).push(`${chain} ${policy}`);
    } else if (line.startsWith('-A ')) (found[`${table} ${line.split(' ')[1]}`] ??= []).push(line);
  }
  for (const [key, rows] of Object.entries(found)) if (!key.includes(' ')) rows.sort();
  return found;
}

interface Link {
  readonly ifname: string;
  readonly link?: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly master?: string;
  readonly operstate: string;
  readonly address: string;
  readonly addr_info: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly broadcast?: string;
    readonly scope: string;
    readonly label?: string;
  }[];
}

/** Whether `ip -6 route` would say anything: most have none, and this asks without a process. */
async function hasRoutes6({ State }: Inspected): Promise<boolean> {
  const table = await readFile(`/proc/${State.Pid}/net/ipv6_route`, 'utf8').catch(() => '');
  return table.split('\n').some((line) => line !== '' && !line.endsWith(' lo'));
}

function presentInet(linksAndRoutes = '', routes6 = '', onHost: boolean): object {
  const [links, routes] = linksAndRoutes.split('\n');
  return {
    links: parseList<Link>(links).map((link) => presentLink(link, onHost)),
    routes: presentRoutes(routes),
    routes6: presentRoutes(routes6),
  };
}

/** The MAC addresses on the host are random, and so is what the kernel makes of them. */
function presentLink({ ifname, flags, mtu, master, operstate, address, addr_info }: Link, onHost: boolean): object {
  const addresses = addr_info.map(
    ({ local, prefixlen, broadcast = '', scope, label = '' }) =>
      `${onHost ? local.replace(/^fe80::(?!1$).*/, 'fe80::<some>') : local}/${prefixlen} ${broadcast} ${scope} ${label}`,
  );
  return {
    name: ifname,
    flags: flags.toSorted(),
    mtu,
    master,
    operstate,
    ...(onHost ? {} : { mac: address }),
    addresses: addresses.sort(),
  };
}

function presentRoutes(json: string | undefined): object {
  return asSet(
    parseList<Record<string, unknown>>(json).map(
      ({ dst, gateway, dev, protocol, scope, prefsrc, metric, flags, type }) =>
        canonical({ dst, gateway, dev, protocol, scope, prefsrc, metric, flags, type }),
    ),
  );
}

/** What has no order, as keys: those are sorted when ids have become names. */
const asSet = (items: readonly string[]): object => Object.fromEntries(items.map((item) => [item, true]));

const parseList = <T>(json: string | undefined): T[] => (json?.trim() ? (JSON.parse(json) as T[]) : []);

const PATHS = ['ResolvConfPath', 'HostnamePath', 'HostsPath', 'LogPath'];

function presentContainer(inspected: Inspected): object {
  const shown = omit(inspected, ['Id', 'Created', 'GraphDriver', ...PATHS]);
  const { Pid, StartedAt, FinishedAt, ...state } = shown['State'] as Record<string, unknown>;
  const { SandboxID, SandboxKey, ...settings } = inspected.NetworkSettings;
  return {
    ...shown,
    State: { ...state, hasPid: Pid !== 0, started: isTime(StartedAt), finished: isTime(FinishedAt) },
    NetworkSettings: { ...settings, hasSandbox: SandboxID !== '', hasSandboxKey: SandboxKey !== '' },
  };
}

const isTime = (time: unknown): boolean => !String(time).startsWith('0001');

function presentSummary(ports: readonly object[], summary: Record<string, unknown>): object {
  return {
    ...omit(summary, ['Created']),
    Status: String(summary['Status']).replace(/(Up|\) ).*/, '$1'),
    // dockerd lists them as a map gives them.
    Ports: asSet(ports.map(canonical)),
  };
}

const omit = (value: object, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
