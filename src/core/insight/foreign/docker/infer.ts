/** The networks and published ports that Docker's rules speak of, as records: a rule set tells them all. */
import { containsAddress, parseCidr } from '../../../address/prefix.ts';
import { parseAddress } from '../../../address/address.ts';
import type { Place } from '../../../firewall/layout.ts';
import type { Rule } from '../../../firewall/rule.ts';
import type { EndpointRecord, PortBinding } from '../../../network/endpoint.ts';
import type { NetworkRecord } from '../../../network/network.ts';
import { linkOf, prefixOf } from '../matches.ts';

/** Names that rules do not tell: as `docker network inspect` has them. */
export interface Names {
  /** Bridge -> network. */
  readonly networks: ReadonlyMap<string, string>;
  /** Address -> container. */
  readonly containers: ReadonlyMap<string, string>;
}

export const NO_NAMES: Names = { networks: new Map(), containers: new Map() };

export interface Inferred {
  /** Bridge -> network. */
  readonly networks: ReadonlyMap<string, NetworkRecord>;
  readonly places: readonly Place[];
}

const DOCKERS_CHAIN = /^DOCKER(-|$)/;

export function infer(rules: readonly Rule[], names: Names): Inferred {
  const subnets = new Map<string, Set<string>>();
  for (const rule of rules) {
    const bridge = bridgeOf(rule);
    if (bridge === undefined) continue;
    const known = subnets.get(bridge) ?? new Set<string>();
    subnets.set(bridge, known);
    const subnet = prefixOf(rule, 'source') ?? prefixOf(rule, 'destination');
    const speaksOfSubnet = rule.target.kind === 'masquerade' || rule.target.kind === 'snat' || subnet?.not;
    if (subnet && speaksOfSubnet) known.add(subnet.prefix);
  }
  const networks = new Map([...subnets].map(([bridge, its]) => [bridge, record(bridge, [...its], names)]));
  return { networks, places: placesOf(rules, networks, names) };
}

/** The bridge that a rule of Docker's is about; undefined for rules of others, and for those about none. */
function bridgeOf(rule: Rule): string | undefined {
  const { chain, target } = rule;
  const into = linkOf(rule, 'in');
  const out = linkOf(rule, 'out');
  const jumps = target.kind === 'jump' && DOCKERS_CHAIN.test(target.chain);
  // In DOCKER-USER anything may stand.
  if (chain !== 'DOCKER-USER' && (DOCKERS_CHAIN.test(chain) || jumps)) return out?.link ?? into?.link;
  if (chain === 'POSTROUTING' && (target.kind === 'masquerade' || target.kind === 'snat') && out?.not) {
    return out.link;
  }
  return undefined;
}

function placesOf(
  rules: readonly Rule[],
  networks: ReadonlyMap<string, NetworkRecord>,
  { containers }: Names,
): readonly Place[] {
  const places = new Map<string, { network: NetworkRecord; bindings: PortBinding[] }>();
  const placeOf = (address: string, rule: Rule): { bindings: PortBinding[] } | undefined => {
    const found = places.get(address);
    if (found) return found;
    const bridge = bridgeOf(rule);
    const network = (bridge && networks.get(bridge)) ?? [...networks.values()].find((its) => holds(its, address));
    if (!network) return undefined;
    const made = { network, bindings: [] };
    places.set(address, made);
    return made;
  };
  // Translations tell both ports; what they do not tell is asked of the filter.
  const translations = rules.filter(({ target }) => target.kind === 'dnat');
  for (const rule of [...translations, ...rules.filter(({ target }) => target.kind === 'accept')]) {
    const port = rule.matches.find((match) => match.kind === 'port' && match.side === 'destination');
    if (rule.chain !== 'DOCKER' || port?.kind !== 'port') continue;
    const protocol = port.of as PortBinding['protocol'];
    const destination = prefixOf(rule, 'destination');
    if (rule.target.kind === 'dnat') {
      const [, address = '', inside] = /^\[?([\da-f.:]+?)\]?:(\d+)$/.exec(rule.target.to) ?? [];
      placeOf(address, rule)?.bindings.push({
        protocol,
        containerPort: Number(inside),
        hostAddress: destination?.prefix.split('/')[0] ?? (rule.family === 'ip' ? '0.0.0.0' : '::'),
        hostPort: port.range.from,
      });
    } else if (rule.target.kind === 'accept' && destination) {
      // Where only the filter table was pasted, the port of the host is not known, and nobody asks for it.
      const place = placeOf(destination.prefix.split('/')[0]!, rule);
      if (place?.bindings.some(({ containerPort }) => containerPort === port.range.from)) continue;
      const hostAddress = rule.family === 'ip' ? '0.0.0.0' : '::';
      place?.bindings.push({ protocol, containerPort: port.range.from, hostAddress, hostPort: port.range.from });
    }
  }
  // A container without published ports has rules too: nobody may call it directly.
  for (const rule of rules) {
    if (rule.table !== 'raw' || rule.chain !== 'PREROUTING' || rule.target.kind !== 'drop') continue;
    const into = linkOf(rule, 'in');
    const network = into?.not && networks.get(into.link);
    const address = prefixOf(rule, 'destination')?.prefix.split('/')[0];
    if (network && address && !places.has(address)) places.set(address, { network, bindings: [] });
  }
  return [...places].map(([address, { network, bindings }]) => ({
    network,
    containerName: containers.get(address) ?? address,
    endpoint: endpoint(address, network, bindings),
  }));
}

function holds({ ipam }: NetworkRecord, address: string): boolean {
  const its = parseAddress(address);
  return ipam.pools.some(({ subnet }) => {
    const prefix = parseCidr(subnet)?.prefix;
    return prefix !== undefined && its !== undefined && containsAddress(prefix, its);
  });
}

/** Of one family at least, so that the layout writes its rules even where the subnet is not told. */
const ANYWHERE = ['0.0.0.0/0', '::/0'];

function record(bridge: string, subnets: readonly string[], { networks }: Names): NetworkRecord {
  const isTold = (family: string): boolean => subnets.some((subnet) => subnet.includes(':') === family.includes(':'));
  const pools = [...subnets, ...ANYWHERE.filter((family) => !isTold(family))].map((subnet) => ({ subnet }));
  return {
    id: bridge,
    name: networks.get(bridge) ?? bridge,
    created: '',
    driver: 'bridge',
    scope: 'local',
    enableIPv4: true,
    enableIPv6: true,
    internal: false,
    attachable: false,
    ingress: false,
    configOnly: false,
    configFrom: '',
    options: {},
    labels: {},
    ipam: { driver: 'default', options: null, pools },
    bridge: {
      name: bridge,
      mac: '',
      mtu: 1500,
      icc: true,
      masquerade: true,
      hostBinding: '',
      gatewayMode4: 'nat',
      gatewayMode6: 'nat',
      inhibitIpv4: false,
      hostIpv4: '',
      hostIpv6: '',
      trustedInterfaces: [],
      interfacePrefix: 'eth',
      foreign: false,
    },
    sequence: 0,
  };
}

function endpoint(address: string, network: NetworkRecord, bindings: readonly PortBinding[]): EndpointRecord {
  const isIpv6 = address.includes(':');
  return {
    id: `${address} on ${network.id}`,
    networkId: network.id,
    containerId: address,
    sandboxId: '',
    interfaceName: 'eth0',
    hostInterface: '',
    mac: '',
    ipv4: isIpv6 ? '' : `${address}/32`,
    ipv6: isIpv6 ? `${address}/128` : '',
    linkLocalAddresses: [],
    gateway4: '',
    gateway6: '',
    isGateway4: true,
    isGateway6: true,
    aliases: [],
    links: [],
    driverOptions: {},
    bindings,
    bindingSequence: 0,
  };
}
