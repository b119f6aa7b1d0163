/** A container's places on networks, and its ports, as the Engine API shows them. */
import type { NetworkPlace } from '../../../core/container/container.ts';
import type { ContainerView } from '../../../core/engine/engine.ts';
import type { EndpointRecord, EndpointSettings, PortBinding } from '../../../core/network/endpoint.ts';
import { sorted } from '../sorted.ts';

/** Up to this version the names that a container always has stand among its aliases. */
const ALIASES_NAME_ALL = 44;
/** From this version on the names that a container is found by have a field of their own. */
const SHOWS_DNS_NAMES = 44;
const SHOWS_GATEWAY_PRIORITY = 48;

/** `address/length` in two parts; nothing gives an empty address and 0. */
function split(prefix: string): { readonly address: string; readonly length: number } {
  const [address = '', length = '0'] = prefix.split('/');
  return { address, length: Number(length) };
}

export function presentNetworks(view: ContainerView, version: number): Record<string, object> {
  const entries = places(view).map(({ name, settings, endpoint }) => {
    const asked = settings.aliases ?? null;
    const names = settings.names ?? asked;
    const aliases = version <= ALIASES_NAME_ALL ? names : asked;
    const common = { IPAMConfig: presentIpam(settings), Links: settings.links ?? null, Aliases: aliases };
    const options = settings.driverOptions ? sorted(settings.driverOptions) : null;
    const mac = endpoint?.mac ?? '';
    const place = {
      NetworkID: settings.joined ? settings.networkId : '',
      EndpointID: endpoint?.id ?? '',
      ...presentAddresses(endpoint),
    };
    if (version < SHOWS_DNS_NAMES) return [name, { ...common, ...place, MacAddress: mac, DriverOpts: options }];
    return [
      name,
      {
        ...common,
        MacAddress: mac,
        DriverOpts: options,
        ...(version >= SHOWS_GATEWAY_PRIORITY ? { GwPriority: settings.gatewayPriority ?? 0 } : {}),
        ...place,
        DNSNames: settings.names ? [...new Set([view.container.name, ...settings.names])] : null,
      },
    ];
  });
  return sorted(Object.fromEntries(entries) as Record<string, object>);
}

/** The same in a list: what the place is, not what was asked of it. */
export function summarizeNetworks(view: ContainerView): Record<string, object> {
  const entries = places(view).map(({ name, settings, endpoint }) => [
    name,
    {
      IPAMConfig: summarizeIpam(settings),
      Links: null,
      Aliases: null,
      NetworkID: settings.joined ? settings.networkId : '',
      EndpointID: endpoint?.id ?? '',
      ...presentAddresses(endpoint),
      MacAddress: endpoint?.mac ?? '',
      DriverOpts: null,
    },
  ]);
  return sorted(Object.fromEntries(entries) as Record<string, object>);
}

/** The copies of the place on the default bridge that stand beside the networks, in Docker's order. */
export function presentDefaultBridge({ endpoints }: ContainerView): object {
  const endpoint = endpoints.find(({ network }) => network.name === 'bridge')?.endpoint;
  const { Gateway, IPAddress, IPPrefixLen, IPv6Gateway, GlobalIPv6Address, GlobalIPv6PrefixLen } =
    presentAddresses(endpoint);
  return {
    EndpointID: endpoint?.id ?? '',
    Gateway,
    GlobalIPv6Address,
    GlobalIPv6PrefixLen,
    IPAddress,
    IPPrefixLen,
    IPv6Gateway,
    MacAddress: endpoint?.mac ?? '',
  };
}

function places({ container, endpoints }: ContainerView): {
  readonly name: string;
  readonly settings: NetworkPlace;
  readonly endpoint: EndpointRecord | undefined;
}[] {
  return Object.entries(container.networks).map(([name, settings]) => ({
    name,
    settings,
    endpoint: endpoints.find(({ network }) => network.id === settings.networkId || network.name === name)?.endpoint,
  }));
}

function presentAddresses(endpoint: EndpointRecord | undefined) {
  const ipv4 = split(endpoint?.ipv4 ?? '');
  const ipv6 = split(endpoint?.ipv6 ?? '');
  return {
    Gateway: endpoint?.gateway4 ?? '',
    IPAddress: ipv4.address,
    IPPrefixLen: ipv4.length,
    IPv6Gateway: endpoint?.gateway6 ?? '',
    GlobalIPv6Address: ipv6.address,
    GlobalIPv6PrefixLen: ipv6.length,
  };
}

/** Docker's lists leave link-local addresses out. */
function summarizeIpam({ ipv4Address, ipv6Address, linkLocalAddresses }: EndpointSettings): object | null {
  const asked = presentIpam({ ...(ipv4Address ? { ipv4Address } : {}), ...(ipv6Address ? { ipv6Address } : {}) });
  return asked ?? (linkLocalAddresses?.length ? {} : null);
}

function presentIpam({ ipv4Address, ipv6Address, linkLocalAddresses }: EndpointSettings): object | null {
  const asked = {
    ...(ipv4Address ? { IPv4Address: ipv4Address } : {}),
    ...(ipv6Address ? { IPv6Address: ipv6Address } : {}),
    ...(linkLocalAddresses?.length ? { LinkLocalIPs: linkLocalAddresses } : {}),
  };
  return Object.keys(asked).length > 0 ? asked : null;
}

export const portKey = ({ containerPort, protocol }: Pick<PortBinding, 'containerPort' | 'protocol'>): string =>
  `${containerPort}/${protocol}`;

/** The ports of a container that can be reached from outside: `80/tcp` -> its bindings; none, if it is only exposed. */
export function openPorts({ container, endpoints }: ContainerView): ReadonlyMap<string, readonly PortBinding[]> {
  const ports = new Map<string, PortBinding[]>();
  if (!endpoints.some(leadsOut)) return ports;
  const exposed = [
    ...Object.keys(container.config.ExposedPorts ?? {}),
    ...Object.keys(container.hostConfig.PortBindings ?? {}),
  ];
  for (const port of exposed.sort()) ports.set(port.includes('/') ? port : `${port}/tcp`, []);
  for (const binding of endpoints.flatMap(({ endpoint }) => endpoint.bindings)) {
    const key = portKey(binding);
    const bindings = ports.get(key);
    if (bindings) bindings.push(binding);
    else ports.set(key, [binding]);
  }
  return ports;
}

const leadsOut = ({ endpoint, network }: ContainerView['endpoints'][number]): boolean =>
  network.bridge !== undefined && (endpoint.isGateway4 || endpoint.isGateway6);

export function presentPorts(view: ContainerView): Record<string, object | null> {
  const entries = [...openPorts(view)].map(([port, bindings]): [string, object | null] => [
    port,
    bindings.length === 0
      ? null
      : bindings.map(({ hostAddress, hostPort }) => ({
          HostIp: hostAddress,
          HostPort: hostPort === 0 ? '' : String(hostPort),
        })),
  ]);
  return sorted(Object.fromEntries(entries));
}

/** The ports in a list, by rising container port. */
export function summarizePorts(view: ContainerView): readonly object[] {
  const ports = [...openPorts(view)].map(([port, bindings]) => {
    const [number = '', type] = port.split('/');
    const common = { PrivatePort: Number(number), Type: type };
    const published = bindings.map(({ hostAddress, hostPort }) => ({
      IP: hostAddress,
      PrivatePort: common.PrivatePort,
      ...(hostPort === 0 ? {} : { PublicPort: hostPort }),
      Type: type,
    }));
    return { number: common.PrivatePort, summary: published.length > 0 ? published : [common] };
  });
  return ports.sort((a, b) => a.number - b.number).flatMap(({ summary }) => summary);
}
