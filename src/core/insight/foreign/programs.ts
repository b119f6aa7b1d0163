/**
 * The programs that are met beside containers, by the names that they give to chains, tables, sets and
 * links, and by the comments that they write. Names are those of the programs' own sources.
 */

/** A name, and what bears it. */
type Named = readonly (readonly [pattern: RegExp, what: string])[];

export interface Program {
  readonly name: string;
  /** Chains of iptables, and of nftables where the program has no table of its own. */
  readonly chains: Named;
  /** Tables of nftables. */
  readonly tables?: Named;
  readonly links?: Named;
  /** Comments in rules. */
  readonly comments?: readonly RegExp[];
}

/** The first program that knows a name is the one: what is narrow stands before what is wide. */
export const PROGRAMS: readonly Program[] = [
  {
    name: 'Docker',
    chains: [
      [/^DOCKER$/, "Docker's published ports"],
      [/^DOCKER-USER$/, "the user's own rules, which Docker never touches"],
      [/^DOCKER-ISOLATION$/, "Docker's isolation between networks (17.11 and before)"],
      [/^DOCKER-ISOLATION-STAGE-1$/, "the first half of Docker's isolation between networks"],
      [/^DOCKER-ISOLATION-STAGE-2$/, "the second half of Docker's isolation between networks"],
      [/^DOCKER-FORWARD$/, "all of Docker's rules for forwarded packets (28 and later)"],
      [/^DOCKER-CT$/, "Docker's answers and later packets of accepted connections (28 and later)"],
      [/^DOCKER-BRIDGE$/, "Docker's way to each bridge's published ports (28 and later)"],
      [/^DOCKER-INTERNAL$/, "Docker's internal networks (28 and later)"],
      [/^DOCKER-INGRESS$/, "swarm's published ports"],
      [/^DOCKER_(OUTPUT|POSTROUTING)$/, "the way to Docker's name server at 127.0.0.11, inside a container"],
    ],
    tables: [[/^docker-bridges$/, "Docker's own table (29 and later)"]],
    links: [
      [/^docker0$/, "Docker's default bridge"],
      [/^docker_gwbridge$/, "the bridge by which swarm's containers leave the host"],
      [/^br-[0-9a-f]{12}$/, "the bridge of one of Docker's networks, after the first digits of its id"],
    ],
  },
  {
    name: 'ufw',
    chains: [
      [/^ufw6?-(before|after)-logging-/, "ufw's log"],
      [/^ufw6?-before-/, "ufw's rules ahead of the user's (before.rules)"],
      [/^ufw6?-after-/, "ufw's rules behind the user's (after.rules)"],
      [/^ufw6?-user-/, 'what the user told ufw (`ufw status numbered`)'],
      [/^ufw6?-(reject|track|skip-to-policy)-/, "ufw's policy"],
      [/^ufw6?-(logging-(deny|allow)|not-local)/, "ufw's helpers"],
      [/^ufw6?-/, "a chain of ufw's"],
    ],
  },
  {
    name: 'firewalld',
    chains: [
      [
        /^(INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING)_(direct|ZONES|POLICIES|rule|IN_ZONES|OUT_ZONES)/,
        "firewalld's choice of the zone",
      ],
      [/^(IN|FWD|FWDI|FWDO|PRE|POST)_\w+/, "a zone of firewalld's (`firewall-cmd --list-all-zones`)"],
      [/^filter_(INPUT|FORWARD|OUTPUT|IN_|FWD)/, "firewalld's filter: what no zone accepts is refused at the end"],
      [/^(nat|mangle|raw)_(PREROUTING|POSTROUTING|OUTPUT|PRE_|POST_)/, "firewalld's translations and marks"],
    ],
    tables: [[/^firewalld$/, "firewalld's own table: its filter stands behind everybody else's"]],
  },
  {
    name: 'Podman (netavark)',
    chains: [
      [/^NETAVARK_FORWARD$/, "Podman's rules for forwarded packets"],
      [/^NETAVARK_INPUT$/, "Podman's way to its name server"],
      [/^NETAVARK_ISOLATION_\d$/, "Podman's isolation between networks"],
      [/^NETAVARK-(HOSTPORT|DN)/, "Podman's published ports"],
      [/^NETAVARK-/, "one of Podman's networks"],
    ],
    tables: [[/^netavark$/, "Podman's own table"]],
    links: [[/^podman\d+$/, "a bridge of Podman's"]],
  },
  {
    name: 'kube-proxy',
    chains: [
      [/^KUBE-SERVICES$/, "kube-proxy's way to each service"],
      [/^KUBE-NODEPORTS$/, "kube-proxy's node ports"],
      [/^KUBE-(SVC|SEP|FW|EXT|XLB)-/, 'one Kubernetes service or one of its pods'],
      [/^KUBE-(MARK-MASQ|POSTROUTING)$/, "kube-proxy's choice of what leaves with the node's address"],
      [
        /^KUBE-(FORWARD|FIREWALL|PROXY-FIREWALL|EXTERNAL-SERVICES|PROXY-CANARY|KUBELET-CANARY)/,
        "kube-proxy's and kubelet's filter",
      ],
      [/^KUBE-/, "a chain of Kubernetes'"],
    ],
    tables: [[/^kube-proxy$/, "kube-proxy's own table"]],
    links: [[/^kube-ipvs0$/, "kube-proxy's IPVS addresses"]],
    comments: [/\bkubernetes\b/, /^kube-proxy/],
  },
  {
    name: 'Calico',
    chains: [[/^cali[-:]/, "Calico's network policy"]],
    links: [[/^(cali[0-9a-f]{11}|tunl0|vxlan\.calico)$/, "a pod's or tunnel link of Calico's"]],
    comments: [/^cali:/],
  },
  {
    name: 'Cilium',
    chains: [[/^(OLD_)?CILIUM_/, "Cilium's detour to its own programs in the kernel"]],
    links: [[/^(cilium_\w+|lxc[0-9a-f]{12})$/, "a link of Cilium's"]],
  },
  {
    name: 'flannel',
    chains: [[/^FLANNEL-/, "flannel's forwarding and masquerading between nodes"]],
    links: [[/^flannel[.\d]/, "flannel's tunnel"]],
    comments: [/^flanneld/],
  },
  {
    name: 'CNI plugins',
    chains: [
      [/^CNI-(HOSTPORT|DN)-/, 'published ports, by the portmap plugin of CNI'],
      [/^CNI-(FORWARD|ADMIN|ISOLATION)/, "the firewall plugin of CNI: forwarding and the admin's own rules"],
      [/^CNI-[0-9a-f]{20,}$/, 'one pod or container, by the bridge plugin of CNI'],
    ],
    tables: [[/^cni_(hostport|plugins)/, 'a plugin of CNI']],
    links: [[/^(cni|cbr)\d+$|^cni-podman\d+$/, 'the bridge of a CNI network']],
  },
  {
    name: 'tailscale',
    chains: [
      [/^ts-input$/, "tailscale's rules for what comes to this host"],
      [/^ts-forward$/, "tailscale's rules for what it routes: it drops what forges a tailnet address"],
      [/^ts-postrouting$/, "tailscale's masquerading for subnet routes"],
    ],
    links: [[/^tailscale\d*$/, 'the tailnet']],
  },
  {
    name: 'libvirt',
    chains: [
      [/^LIBVIRT_(FWI|FWO|FWX|INP|OUT|PRT)$/, "libvirt's virtual networks"],
      [/^guest_(input|output|cross|nat)$/, "libvirt's virtual networks"],
    ],
    tables: [[/^libvirt_network$/, "libvirt's own table"]],
    links: [
      [/^virbr\d+(-nic)?$/, "a bridge of libvirt's"],
      [/^vnet\d+$/, 'a virtual machine of libvirt'],
    ],
  },
  {
    name: 'LXD',
    chains: [],
    tables: [[/^lxd$/, "LXD's own table"]],
    links: [[/^lxd(br\d+|fan\d+)$/, "a bridge of LXD's"]],
    comments: [/generated for LXD/],
  },
  {
    name: 'Incus',
    chains: [],
    tables: [[/^incus$/, "Incus's own table"]],
    links: [[/^incusbr\d+$/, "a bridge of Incus's"]],
    comments: [/generated for Incus/],
  },
  {
    name: 'LXC',
    chains: [],
    tables: [[/^lxc$/, "LXC's own table (lxc-net)"]],
    links: [[/^lxcbr\d+$/, 'the bridge of lxc-net']],
  },
  {
    name: 'fail2ban',
    chains: [[/^(f2b|fail2ban)-/, 'the addresses that fail2ban bans for one jail (`fail2ban-client status`)']],
    tables: [[/^f2b-table$/, 'the addresses that fail2ban bans']],
  },
  {
    name: 'CrowdSec',
    chains: [[/^CROWDSEC/, 'the addresses that CrowdSec bans']],
    tables: [[/^crowdsec6?$/, 'the addresses that CrowdSec bans']],
  },
  {
    name: 'miniupnpd',
    chains: [[/^MINIUPNPD/, 'the port mappings that devices asked for over UPnP']],
  },
  {
    name: 'WireGuard',
    chains: [[/^WIREGUARD/i, "wg-quick's rules"]],
    tables: [[/^wg-quick-/, "wg-quick's own table"]],
    links: [[/^wg[-\w]*\d+$/, 'a WireGuard tunnel']],
    comments: [/^wg-quick\(8\)/],
  },
];

export interface Recognized {
  readonly program: string;
  /** What bears the name: `ufw's log`. */
  readonly what: string;
}

function find(name: string, namesOf: (program: Program) => Named | undefined): Recognized | undefined {
  for (const program of PROGRAMS) {
    const found = namesOf(program)?.find(([pattern]) => pattern.test(name));
    if (found) return { program: program.name, what: found[1] };
  }
  return undefined;
}

export const programOfChain = (name: string): Recognized | undefined => find(name, ({ chains }) => chains);
export const programOfTable = (name: string): Recognized | undefined => find(name, ({ tables }) => tables);
export const programOfLink = (name: string): Recognized | undefined => find(name, ({ links }) => links);

export function programOfComment(text: string): string | undefined {
  return PROGRAMS.find(({ comments }) => comments?.some((pattern) => pattern.test(text)))?.name;
}
