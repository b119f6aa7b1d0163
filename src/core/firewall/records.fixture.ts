/** Records for tests, as docker's commands would make them. */
import { macFromIpv4 } from '../address/mac.ts';
import type { EndpointRecord, PortBinding, SandboxRecord } from '../network/endpoint.ts';
import type { BridgeSettings, NetworkRecord } from '../network/network.ts';
import type { FirewallOptions, Place } from './layout.ts';

export const OPTIONS: FirewallOptions = {
  backend: 'iptables',
  iptables: true,
  ip6tables: false,
  userlandProxy: true,
  allowDirectRouting: true,
  ipForward: true,
  forwardDrop: true,
};

const BRIDGE: BridgeSettings = {
  name: 'br-000000000000',
  mac: '02:42:00:00:00:01',
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
};

interface NetworkChoice extends Partial<Omit<NetworkRecord, 'bridge' | 'ipam'>> {
  readonly subnets?: readonly { readonly subnet: string; readonly gateway?: string }[];
  readonly bridge?: Partial<BridgeSettings>;
}

/** A bridge network whose bridge bears the name of the network. */
export function network(name: string, sequence: number, choice: NetworkChoice = {}): NetworkRecord {
  const {
    subnets = [{ subnet: `172.${sequence + 16}.0.0/16`, gateway: `172.${sequence + 16}.0.1` }],
    bridge,
    ...rest
  } = choice;
  return {
    id: name.padEnd(64, '0'),
    name,
    created: '2019-11-23T17:18:36.467168945Z',
    driver: 'bridge',
    scope: 'local',
    enableIPv4: true,
    enableIPv6: false,
    internal: false,
    attachable: false,
    ingress: false,
    configOnly: false,
    configFrom: '',
    options: {},
    labels: {},
    ipam: { driver: 'default', options: {}, pools: subnets },
    bridge: { ...BRIDGE, name, ...bridge },
    sequence,
    ...rest,
  };
}

export function binding(text: string): PortBinding {
  const [, hostAddress = '0.0.0.0', hostPort, containerPort, protocol = 'tcp'] =
    /^(?:\[?([\d.a-f:]+?)\]?:)?(\d+):(\d+)(?:\/(\w+))?$/.exec(text) ?? [];
  return {
    protocol: protocol as 'tcp',
    containerPort: Number(containerPort),
    hostAddress,
    hostPort: Number(hostPort),
  };
}

/** The place of `container` on `network`. Ports as on docker's command line: `127.0.0.1:80:8080/udp`. */
export function place(
  container: string,
  network: NetworkRecord,
  ipv4: string,
  ports: readonly string[] = [],
  choice: Partial<EndpointRecord> = {},
): Place {
  const endpoint: EndpointRecord = {
    id: `${container}-${network.name}`,
    networkId: network.id,
    containerId: container,
    sandboxId: `${container}-sandbox`,
    interfaceName: 'eth0',
    hostInterface: `veth-${container}`,
    mac: ipv4 && macFromIpv4(ipv4.split('/')[0]!),
    ipv4,
    ipv6: '',
    linkLocalAddresses: [],
    gateway4: network.ipam.pools[0]?.gateway ?? '',
    gateway6: '',
    isGateway4: true,
    isGateway6: false,
    aliases: [],
    links: [],
    driverOptions: {},
    bindings: ports.map(binding),
    bindingSequence: ports.length > 0 ? 1 : 0,
    ...choice,
  };
  return { endpoint, network, containerName: container };
}

export const SANDBOX: SandboxRecord = { id: 'c1-sandbox', containerId: 'c1', host: false, interfaces: { eth: 1 } };
