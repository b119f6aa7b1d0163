/** The contents of a container's /etc/hosts and /etc/resolv.conf, as Docker writes them. */

const FIXED = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'ff00::0\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

export interface HostsEntry {
  readonly address: string;
  readonly names: readonly string[];
}

/** The fixed lines, then `entries`: extra hosts, links and the container's own addresses. */
export function hostsFile(entries: readonly HostsEntry[]): string {
  return [...FIXED, ...entries.map(hostsLine), ''].join('\n');
}

const hostsLine = ({ address, names }: HostsEntry): string => `${address}\t${names.join(' ')}`;

/**
 * A hosts file that may have been written to since, with `entries` in it and no others of the
 * `owned` first names. Everything else stays where it is.
 */
export function updateHosts(text: string, entries: readonly HostsEntry[], owned: ReadonlySet<string>): string {
  const wanted = new Set(entries.map(hostsLine));
  const isKept = (line: string): boolean => {
    const [, name = ''] = /^\S+\t(\S+)/.exec(line) ?? [];
    return wanted.has(line) || FIXED.includes(line) || !owned.has(name);
  };
  const kept = text.replace(/\n$/, '').split('\n').filter(isKept);
  const missing = [...wanted].filter((line) => !kept.includes(line));
  return [...kept, ...missing, ''].join('\n');
}

export interface ResolvConf {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** Reads a resolv.conf; lines that it does not know are passed over, as the C library does. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let search: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [word, ...rest] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (word === 'nameserver' && rest[0]) servers.push(rest[0]);
    else if (word === 'search' || word === 'domain') search = rest;
    else if (word === 'options') options = [...options, ...rest];
  }
  return { servers, search, options };
}

export function printResolvConf({ servers, search, options }: ResolvConf): string {
  const lines = [
    ...(search.length ? [`search ${search.join(' ')}`] : []),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length ? [`options ${options.join(' ')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

const isLoopback = (server: string): boolean => server.startsWith('127.') || server === '::1';

/** Where containers on user-defined networks find our name server. */
export const RESOLVER_ADDRESS = '127.0.0.11';

/** Used where the host has no server that a container could reach, as Docker does. */
const PUBLIC_SERVERS = ['8.8.8.8', '8.8.4.4'];

/** What was asked for a container's resolver: by the container, else by the daemon. */
export interface ResolverSettings {
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
}

/** The resolv.conf of a container whose names the host's servers answer: none of ours are in between. */
export function outsideResolvConf(host: ResolvConf, asked: ResolverSettings): ResolvConf {
  const reachable = host.servers.filter((server) => !isLoopback(server));
  const servers = asked.dns.length ? asked.dns : reachable;
  return {
    servers: servers.length ? servers : PUBLIC_SERVERS,
    search: asked.dnsSearch.length ? asked.dnsSearch.filter((domain) => domain !== '.') : host.search,
    options: asked.dnsOptions.length ? asked.dnsOptions : host.options,
  };
}

/** The resolv.conf of a container on a user-defined network: ours answers at 127.0.0.11. */
export function insideResolvConf(host: ResolvConf, asked: ResolverSettings): ResolvConf {
  const { search, options } = outsideResolvConf(host, asked);
  const ndots = options.some((option) => option.startsWith('ndots:'));
  return { servers: [RESOLVER_ADDRESS], search, options: ndots ? options : [...options, 'ndots:0'] };
}
