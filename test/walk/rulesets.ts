/** The rule sets that the model is proven on. */
import { engineObjects, endpointObjects, networkObjects } from '../../src/core/drivers/drivers.ts';
import type { FirewallOptions, Place } from '../../src/core/firewall/layout.ts';
import { network, place } from '../../src/core/firewall/records.fixture.ts';
import { restoreScripts, type FirewallStep } from '../../src/core/firewall/restore.ts';
import type { NetworkRecord } from '../../src/core/network/network.ts';
import type { Linux } from '../../src/core/model/linux.ts';
import { inside, type WalkStage } from './stage.ts';

export interface RuleSet {
  readonly name: string;
  /** iptables-restore input, loaded in this order. */
  readonly iptables?: readonly string[];
  /** Held by iptables-legacy instead of iptables-nft. */
  readonly legacy?: true;
  /** nft's own language. */
  readonly nft?: string;
  /** Of the host, on top of forwarding and bridge netfilter, which are on. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** `ip` commands on the host, and what takes them back. */
  readonly links?: readonly string[];
  readonly unlinks?: readonly string[];
}

const DEFAULTS: Readonly<Record<string, string>> = {
  'net/ipv4/ip_forward': '1',
  'net/bridge/bridge-nf-call-iptables': '1',
  'net/ipv4/conf/all/rp_filter': '0',
  'net/ipv4/conf/uplink0/rp_filter': '0',
  'net/ipv4/conf/all/route_localnet': '0',
  'net/ipv4/conf/ba/route_localnet': '0',
  'net/ipv4/conf/bb/route_localnet': '0',
  'net/ipv4/conf/docker0/route_localnet': '0',
  'net/ipv4/conf/all/accept_local': '0',
};

let last: RuleSet | undefined;

/** Puts the rule set in the place of the one before and gives the model of it. */
export function apply(stage: WalkStage, ruleSet: RuleSet): Linux {
  inside('host', ['nft', 'flush', 'ruleset']);
  if (last?.legacy) {
    const empty = ['raw', 'mangle', 'nat', 'filter'].map((table) => `*${table}\nCOMMIT\n`).join('');
    inside('host', ['iptables-legacy-restore'], empty);
    for (const chain of ['INPUT', 'FORWARD', 'OUTPUT']) inside('host', ['iptables-legacy', '-P', chain, 'ACCEPT']);
  }
  stage.links('host', last?.unlinks ?? []);
  last = ruleSet;
  stage.sysctl('host', { ...DEFAULTS, ...ruleSet.sysctls });
  stage.links('host', ruleSet.links ?? []);
  for (const text of ruleSet.iptables ?? []) {
    inside('host', [ruleSet.legacy ? 'iptables-legacy-restore' : 'iptables-nft-restore', '--noflush'], text);
  }
  if (ruleSet.nft !== undefined) inside('host', ['nft', '-f', '-'], ruleSet.nft);
  inside('host', ['conntrack', '-F']);
  return stage.model(ruleSet.legacy ? 'legacy' : 'nft');
}

const OPTIONS: FirewallOptions = {
  backend: 'iptables',
  iptables: true,
  ip6tables: false,
  userlandProxy: true,
  allowDirectRouting: true,
  ipForward: true,
  forwardDrop: true,
};

interface Scene {
  readonly options?: Partial<FirewallOptions>;
  readonly a?: Parameters<typeof network>[2];
  readonly b?: Parameters<typeof network>[2];
}

/** The stage's networks as records, with published ports. */
function records({ a = {}, b = {} }: Scene): { networks: NetworkRecord[]; places: Place[] } {
  const bridge = (name: string) => ({ name });
  const pool = (third: number) => [{ subnet: `172.${third}.0.0/16`, gateway: `172.${third}.0.1` }];
  const networks = [
    network('docker0', 1, { subnets: pool(17), bridge: bridge('docker0') }),
    network('ba', 2, { subnets: pool(18), ...a, bridge: { ...bridge('ba'), ...a.bridge } }),
    network('bb', 3, { subnets: pool(19), ...b, bridge: { ...bridge('bb'), ...b.bridge } }),
    network('bi', 4, { subnets: pool(20), internal: true, bridge: bridge('bi') }),
  ];
  const [docker0, ba, bb, bi] = networks as [NetworkRecord, NetworkRecord, NetworkRecord, NetworkRecord];
  const places = [
    place('a1', ba, '172.18.0.2/16', ['8080:80', '9053:53/udp'], { bindingSequence: 1 }),
    place('a2', ba, '172.18.0.3/16'),
    place('b1', bb, '172.19.0.2/16', ['127.0.0.1:8081:80', '10.99.0.2:8082:80'], { bindingSequence: 2 }),
    place('d1', docker0, '172.17.0.2/16', ['7777:80'], { bindingSequence: 3 }),
    place('i1', bi, '172.20.0.2/16'),
  ];
  return { networks, places };
}

/** What our own layout writes, as iptables-restore input. */
export function classicText(scene: Scene = {}): string {
  const options = { ...OPTIONS, ...scene.options };
  const { networks, places } = records(scene);
  const objects = [
    ...engineObjects(options),
    ...networks.flatMap((its) => networkObjects(its, options)),
    ...places.flatMap((its) => endpointObjects(its, options)),
  ];
  const steps = objects.flatMap((object) =>
    object.kind === 'rule' || object.kind === 'chain' ? [{ op: 'add', object } satisfies FirewallStep] : [],
  );
  return restoreScripts(steps)
    .filter(({ family }) => family === 'ip')
    .map(({ text }) => text)
    .join('');
}

export const RULE_SETS: readonly RuleSet[] = [
  { name: 'no rules at all' },
  { name: 'classic', iptables: [classicText()] },
];
