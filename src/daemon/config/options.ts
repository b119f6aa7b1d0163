/** The daemon's options, with Docker's names on the command line and Docker's keys in the file. */
import { isIP } from 'node:net';
import * as v from 'valibot';
import { parseCidr } from '../../core/address/prefix.ts';
import { parseMark } from '../../core/firewall/mark.ts';
import { parseSource } from '../../core/ipam/sources.ts';
import { isLinkName } from '../../core/network/name.ts';
import { parseHost } from '../listen.ts';

/** How an option stands on the command line. A list may be given several times. */
export type OptionKind = 'switch' | 'text' | 'number' | 'list';

export interface DaemonOption<S extends v.GenericSchema = v.GenericSchema> {
  readonly flag: string;
  /** Its key in the file. */
  readonly key: string;
  readonly kind: OptionKind;
  readonly usage: string;
  /** What the value must be; an issue's message says what was expected. */
  readonly schema: S;
  readonly initial: v.InferOutput<S>;
  /** Makes the file's shape of what was given on the command line; where that is more than texts. */
  readonly fromFlags?: (values: readonly string[]) => unknown;
}

const option = <const S extends v.GenericSchema>(value: DaemonOption<S>): DaemonOption<S> => value;

const passes = (check: () => unknown): boolean => {
  try {
    check();
    return true;
  } catch {
    return false;
  }
};

const bool = v.boolean('true or false');
const path = v.pipe(
  v.string('an absolute path'),
  v.check((text) => text.startsWith('/'), 'an absolute path'),
);
const address = v.pipe(
  v.string('an IP address'),
  v.check((text) => isIP(text) !== 0, 'an IP address'),
);
const optionalAddress = v.union([v.literal(''), address], 'an IP address');
const CIDR = 'an IP address with prefix length, as in 192.168.1.5/24';
const optionalCidr = v.pipe(
  v.string(CIDR),
  v.check((text) => text === '' || parseCidr(text) !== undefined, CIDR),
);
const MARK = 'a mark, or mark/mask, as in 0x1/0xff';
const textList = v.array(v.string('a list of texts'), 'a list of texts');
const BRIDGE = 'the name of a bridge, or none';
const HOSTS = 'a list of unix:///path or tcp://127.0.0.1:PORT (loopback only)';
const POOLS = 'a list of pools, each with a network as base and the size of its subnets, as in 172.30.0.0/16 and 24';
const MTU = 'a whole number from 68 to 65535';
const NETWORK_OPTIONS = 'for each network driver a map of its options';

const pool = v.pipe(
  v.strictObject({ base: v.string(POOLS), size: v.pipe(v.number(POOLS), v.integer(POOLS)) }, POOLS),
  v.check((source) => passes(() => parseSource(source)), POOLS),
);

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;

export const DAEMON_OPTIONS = {
  hosts: option({
    flag: 'host',
    key: 'hosts',
    kind: 'list',
    usage: 'Where to serve the API (unix:///path, or tcp:// on a loopback address)',
    schema: v.pipe(
      v.array(
        v.pipe(
          v.string(HOSTS),
          v.check((host) => passes(() => parseHost(host)), HOSTS),
        ),
        HOSTS,
      ),
      v.minLength(1, HOSTS),
    ),
    initial: ['unix:///run/passerelle/passerelle.sock'],
  }),
  group: option({
    flag: 'group',
    key: 'group',
    kind: 'text',
    usage: 'Group that may use the UNIX socket',
    schema: v.string('the name of a group'),
    initial: 'docker',
  }),
  dataRoot: option({
    flag: 'data-root',
    key: 'data-root',
    kind: 'text',
    usage: 'Folder of what lasts: records, images, containers, volumes',
    schema: path,
    initial: '/var/lib/passerelle',
  }),
  execRoot: option({
    flag: 'exec-root',
    key: 'exec-root',
    kind: 'text',
    usage: 'Folder of what lasts until the next boot',
    schema: path,
    initial: '/run/passerelle',
  }),
  logLevel: option({
    flag: 'log-level',
    key: 'log-level',
    kind: 'text',
    usage: `How much is logged (${LOG_LEVELS.join(', ')})`,
    schema: v.picklist(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')}`),
    initial: 'info',
  }),
  logFormat: option({
    flag: 'log-format',
    key: 'log-format',
    kind: 'text',
    usage: 'How it is logged (text, json)',
    schema: v.picklist(['text', 'json'], 'text or json'),
    initial: 'text',
  }),
  kernel: option({
    flag: 'kernel',
    key: 'kernel',
    kind: 'text',
    usage: 'What it all stands on: linux, or model, a Linux in memory where containers are simulated (needs no root)',
    schema: v.picklist(['linux', 'model'], 'linux or model'),
    initial: 'linux',
  }),
  firewallBackend: option({
    flag: 'firewall-backend',
    key: 'firewall-backend',
    kind: 'text',
    usage: 'What holds the firewall rules: iptables, as Docker writes them, or nftables, with maps',
    schema: v.picklist(['iptables', 'nftables'], 'iptables or nftables'),
    initial: 'iptables',
  }),
  iptables: option({
    flag: 'iptables',
    key: 'iptables',
    kind: 'switch',
    usage: 'Write IPv4 firewall rules',
    schema: bool,
    initial: true,
  }),
  ip6tables: option({
    flag: 'ip6tables',
    key: 'ip6tables',
    kind: 'switch',
    usage: 'Write IPv6 firewall rules',
    schema: bool,
    initial: true,
  }),
  ipForward: option({
    flag: 'ip-forward',
    key: 'ip-forward',
    kind: 'switch',
    usage: "Turn on forwarding between the host's links",
    schema: bool,
    initial: true,
  }),
  ipForwardNoDrop: option({
    flag: 'ip-forward-no-drop',
    key: 'ip-forward-no-drop',
    kind: 'switch',
    usage: 'Leave the policy of FORWARD as it is when forwarding is turned on',
    schema: bool,
    initial: false,
  }),
  userlandProxy: option({
    flag: 'userland-proxy',
    key: 'userland-proxy',
    kind: 'switch',
    usage: 'Reach published ports from loopback through a proxy',
    schema: bool,
    initial: true,
  }),
  allowDirectRouting: option({
    flag: 'allow-direct-routing',
    key: 'allow-direct-routing',
    kind: 'switch',
    usage: 'Let other machines reach container addresses directly',
    schema: bool,
    initial: false,
  }),
  addressPools: option({
    flag: 'default-address-pool',
    key: 'default-address-pools',
    kind: 'list',
    usage: 'Pool that networks without a subnet of their own are cut from (base=172.30.0.0/16,size=24)',
    schema: v.array(pool, POOLS),
    initial: [],
    fromFlags: (values) => values.map(poolFromFlag),
  }),
  networkOptions: option({
    flag: 'default-network-opt',
    key: 'default-network-opts',
    kind: 'list',
    usage: 'Option that networks of a driver have by default (bridge=com.docker.network.driver.mtu=1400)',
    schema: v.record(v.string(), v.record(v.string(), v.string(NETWORK_OPTIONS), NETWORK_OPTIONS), NETWORK_OPTIONS),
    initial: {},
    fromFlags: networkOptionsFromFlags,
  }),
  mtu: option({
    flag: 'mtu',
    key: 'mtu',
    kind: 'number',
    usage: 'MTU of the default bridge network',
    schema: v.pipe(v.number(MTU), v.integer(MTU), v.minValue(68, MTU), v.maxValue(65_535, MTU)),
    initial: 1500,
  }),
  dns: option({
    flag: 'dns',
    key: 'dns',
    kind: 'list',
    usage: 'Name server for containers',
    schema: v.array(address, 'a list of IP addresses'),
    initial: [],
  }),
  dnsOptions: option({
    flag: 'dns-opt',
    key: 'dns-opts',
    kind: 'list',
    usage: "Option for containers' resolv.conf",
    schema: textList,
    initial: [],
  }),
  dnsSearch: option({
    flag: 'dns-search',
    key: 'dns-search',
    kind: 'list',
    usage: 'Search domain for containers',
    schema: textList,
    initial: [],
  }),
  hostGateway: option({
    flag: 'host-gateway-ip',
    key: 'host-gateway-ip',
    kind: 'text',
    usage: 'Address that host-gateway stands for in --add-host (default: the default bridge)',
    schema: optionalAddress,
    initial: '',
  }),
  bridge: option({
    flag: 'bridge',
    key: 'bridge',
    kind: 'text',
    usage: 'Bridge of yours that containers are on by default (none: no default network)',
    schema: v.pipe(
      v.string(BRIDGE),
      v.check((name) => name === '' || isLinkName(name), BRIDGE),
    ),
    initial: '',
  }),
  bip: option({
    flag: 'bip',
    key: 'bip',
    kind: 'text',
    usage: "IPv4 address of the default bridge, with its subnet's prefix length",
    schema: optionalCidr,
    initial: '',
  }),
  bip6: option({
    flag: 'bip6',
    key: 'bip6',
    kind: 'text',
    usage: "IPv6 address of the default bridge, with its subnet's prefix length",
    schema: optionalCidr,
    initial: '',
  }),
  fixedCidr: option({
    flag: 'fixed-cidr',
    key: 'fixed-cidr',
    kind: 'text',
    usage: 'IPv4 range that containers on the default bridge get addresses from',
    schema: optionalCidr,
    initial: '',
  }),
  fixedCidr6: option({
    flag: 'fixed-cidr-v6',
    key: 'fixed-cidr-v6',
    kind: 'text',
    usage: 'IPv6 range that containers on the default bridge get addresses from',
    schema: optionalCidr,
    initial: '',
  }),
  defaultGateway: option({
    flag: 'default-gateway',
    key: 'default-gateway',
    kind: 'text',
    usage: 'IPv4 gateway of containers on the default bridge, where it is not the bridge itself',
    schema: optionalAddress,
    initial: '',
  }),
  defaultGateway6: option({
    flag: 'default-gateway-v6',
    key: 'default-gateway-v6',
    kind: 'text',
    usage: 'IPv6 gateway of containers on the default bridge, where it is not the bridge itself',
    schema: optionalAddress,
    initial: '',
  }),
  icc: option({
    flag: 'icc',
    key: 'icc',
    kind: 'switch',
    usage: 'Let containers on the default bridge talk to each other',
    schema: bool,
    initial: true,
  }),
  masquerade: option({
    flag: 'ip-masq',
    key: 'ip-masq',
    kind: 'switch',
    usage: "Give packets of the default bridge's containers the host's address when they leave",
    schema: bool,
    initial: true,
  }),
  hostBinding: option({
    flag: 'ip',
    key: 'ip',
    kind: 'text',
    usage: 'Host address that ports of the default bridge are published on if none is said',
    schema: address,
    initial: '0.0.0.0',
  }),
  ipv6: option({
    flag: 'ipv6',
    key: 'ipv6',
    kind: 'switch',
    usage: 'Give the default bridge IPv6',
    schema: bool,
    initial: false,
  }),
  acceptMark: option({
    flag: 'bridge-accept-fwmark',
    key: 'bridge-accept-fwmark',
    kind: 'text',
    usage: 'Firewall mark (mark or mark/mask) of packets that may enter every bridge network',
    schema: v.pipe(
      v.string(MARK),
      v.check((text) => text === '' || parseMark(text) !== undefined, MARK),
    ),
    initial: '',
  }),
  liveRestore: option({
    flag: 'live-restore',
    key: 'live-restore',
    kind: 'switch',
    usage: 'Taken as Docker takes it; containers always run on without the daemon',
    schema: bool,
    initial: true,
  }),
  insecureRegistries: option({
    flag: 'insecure-registry',
    key: 'insecure-registries',
    kind: 'list',
    usage: 'Registry that is spoken to without a certificate',
    schema: textList,
    initial: [],
  }),
} as const satisfies Readonly<Record<string, DaemonOption<never> | DaemonOption>>;

export type DaemonConfig = {
  readonly [K in keyof typeof DAEMON_OPTIONS]: v.InferOutput<(typeof DAEMON_OPTIONS)[K]['schema']>;
};

/** `base=172.30.0.0/16,size=24`; what is no pool is refused by the schema. */
function poolFromFlag(value: string): unknown {
  const fields = value.split(',').map((field) => {
    const [key = '', ...rest] = field.split('=');
    const text = rest.join('=');
    return [key, key === 'size' && /^\d+$/.test(text) ? Number(text) : text];
  });
  return Object.fromEntries(fields) as unknown;
}

/** `bridge=key=value`, several times. */
function networkOptionsFromFlags(values: readonly string[]): unknown {
  const drivers: Record<string, Record<string, string | undefined>> = {};
  for (const value of values) {
    const [driver = '', key = '', ...rest] = value.split('=');
    drivers[driver] = { ...drivers[driver], [key]: rest.length > 0 ? rest.join('=') : undefined };
  }
  return drivers;
}
