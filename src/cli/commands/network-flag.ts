/** `--network`: a name, or `name=…,alias=…,ip=…`. */
import { ExitError } from '../command.ts';
import { readFields } from './csv.ts';

export interface NetworkChoice {
  readonly name: string;
  readonly alias: readonly string[];
  readonly ip?: string;
  readonly ip6?: string;
  readonly mac?: string;
  readonly linkLocal: readonly string[];
  readonly driverOptions: readonly string[];
  readonly priority?: number;
}

/** Flags that speak of the first network. */
export interface EndpointFlags {
  readonly ip: string;
  readonly ip6: string;
  readonly link: readonly string[];
  readonly 'link-local-ip': readonly string[];
  readonly 'network-alias': readonly string[];
}

/** Throws ExitError. */
export function readNetwork(spec: string): NetworkChoice {
  if (!spec.includes('=')) return { name: spec, alias: [], linkLocal: [], driverOptions: [] };
  const wrong = (reason: string): ExitError =>
    new ExitError(`invalid argument "${spec}" for "--network" flag: ${reason}`, 125);
  const all = readFields(spec);
  const values = (key: string): readonly string[] => all.filter(([name]) => name === key).map(([, value]) => value);
  const known = ['name', 'alias', 'ip', 'ip6', 'mac-address', 'link-local-ip', 'driver-opt', 'gw-priority'];
  const unknown = all.find(([key]) => !known.includes(key));
  if (unknown) throw wrong(`invalid field ${unknown[0]}: the fields are ${known.join(', ')}`);
  const [name] = values('name');
  const [ip, ip6, mac, priority] = ['ip', 'ip6', 'mac-address', 'gw-priority'].map((key) => values(key)[0]);
  if (!name) throw wrong('network name is required: name=…');
  if (priority !== undefined && !/^-?\d+$/.test(priority))
    throw wrong(`invalid gw-priority (${priority}): it should be an integer`);
  return {
    name,
    alias: values('alias'),
    linkLocal: values('link-local-ip'),
    driverOptions: values('driver-opt'),
    ...(ip && { ip }),
    ...(ip6 && { ip6 }),
    ...(mac && { mac }),
    ...(priority !== undefined && { priority: Number(priority) }),
  };
}

/** The API's EndpointConfig; `flags` are given for the first network only. */
export function endpointBody(
  network: NetworkChoice,
  flags: EndpointFlags | undefined,
): Readonly<Record<string, unknown>> {
  const alias = [...network.alias, ...(flags?.['network-alias'] ?? [])];
  const linkLocal = [...network.linkLocal, ...(flags?.['link-local-ip'] ?? [])];
  const ip = network.ip ?? flags?.ip;
  const ip6 = network.ip6 ?? flags?.ip6;
  const ipam = {
    ...(ip && { IPv4Address: ip }),
    ...(ip6 && { IPv6Address: ip6 }),
    ...(linkLocal.length > 0 && { LinkLocalIPs: linkLocal }),
  };
  return {
    ...(Object.keys(ipam).length > 0 && { IPAMConfig: ipam }),
    ...(flags && flags.link.length > 0 && { Links: flags.link }),
    ...(alias.length > 0 && { Aliases: alias }),
    ...(network.mac && { MacAddress: network.mac }),
    ...(network.driverOptions.length > 0 && {
      DriverOpts: Object.fromEntries(network.driverOptions.map((option) => option.split('=', 2))),
    }),
    ...(network.priority !== undefined && { GwPriority: network.priority }),
  };
}
