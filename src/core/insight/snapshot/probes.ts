/** What is asked of a namespace for a diagnosis, as command lines. Each prints what its part is read from. */
import type { NamespaceTexts } from '../../model/texts.ts';

export type Part = keyof NamespaceTexts;

const SETTINGS = [
  'ip_forward',
  'forwarding',
  'rp_filter',
  'route_localnet',
  'accept_local',
  'proxy_arp',
  'disable_ipv6',
  'accept_ra',
  'src_valid_mark',
  'ip_local_port_range',
  'ip_nonlocal_bind',
  'bridge-nf-call-iptables',
  'bridge-nf-call-ip6tables',
  'bridge-nf-call-arptables',
  'nf_conntrack_max',
  'nf_conntrack_count',
];

/** No shell reads these. Of sockets only the command's name is told, never its arguments. */
export const PROBES: Readonly<Record<Part, readonly string[]>> = {
  links: ['ip', '-j', '-d', 'link'],
  addresses: ['ip', '-j', 'address'],
  routes: ['ip', '-j', '-4', 'route', 'show', 'table', 'all'],
  routes6: ['ip', '-j', '-6', 'route', 'show', 'table', 'all'],
  rules: ['ip', '-j', '-4', 'rule'],
  rules6: ['ip', '-j', '-6', 'rule'],
  neighbours: ['ip', '-j', 'neighbour'],
  // The settings of the namespace that asks, each after its path.
  sysctls: ['grep', '-rs', ...SETTINGS.map((name) => `--include=${name}`), '.', '/proc/sys/net'],
  sockets: ['ss', '-lntup'],
  iptables: ['iptables-save', '-c'],
  ip6tables: ['ip6tables-save', '-c'],
  iptablesLegacy: ['iptables-legacy-save', '-c'],
  ip6tablesLegacy: ['ip6tables-legacy-save', '-c'],
  nft: ['nft', '-j', '-a', 'list', 'ruleset'],
  conntrack: ['conntrack', '-L'],
};

export const PARTS = Object.keys(PROBES) as readonly Part[];

/** Nobody keeps a sandbox's rules in the old machinery, and its flows are the host's too. */
export const SANDBOX_PARTS = PARTS.filter((part) => !part.endsWith('Legacy') && part !== 'conntrack');

/** Of a busy host's flows the first ones tell enough. */
export const FLOWS = 2000;

/** What a part's command printed, as it is kept: `/proc/sys/net/ipv4/ip_forward:1` as `net/ipv4/ip_forward=1`. */
export function kept(part: Part, text: string): string {
  switch (part) {
    case 'sysctls':
      return text.replaceAll(/^\/proc\/sys\/([^:\n]+):/gm, '$1=');
    case 'conntrack':
      return text.split('\n').slice(0, FLOWS).join('\n');
    default:
      return text;
  }
}
