import { command } from '../command.ts';
import type { Group } from '../command.ts';
import { commaList, integer, list, map, text, toggle } from '../flags.ts';
import { inspectAll } from '../inspect.ts';
import { printListing } from '../print/listing.ts';
import type { Listing } from '../print/listing.ts';
import { FORMAT } from './format.ts';
import { poolsOf } from './pools.ts';
import { api, confirm, filterQuery, forEach } from '../requests.ts';

interface NetworkSummary {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Created: string;
  readonly EnableIPv4?: boolean;
  readonly EnableIPv6: boolean;
  readonly Internal: boolean;
  readonly Labels: Readonly<Record<string, string>> | null;
}

const create = command({
  name: 'network create',
  summary: 'Create a network',
  operands: 'NETWORK',
  arity: { least: 1, most: 1 },
  flags: {
    attachable: toggle('Enable manual container attachment'),
    'aux-address': map('Auxiliary IPv4 or IPv6 addresses used by Network driver'),
    'config-from': text('The network from which to copy the configuration'),
    'config-only': toggle('Create a configuration only network'),
    driver: text('Driver to manage the Network', { short: 'd', initial: 'bridge' }),
    gateway: commaList('IPv4 or IPv6 Gateway for the master subnet'),
    ingress: toggle('Create swarm routing-mesh network'),
    internal: toggle('Restrict external access to the network'),
    'ip-range': commaList('Allocate container ip from a sub-range'),
    'ipam-driver': text('IP Address Management Driver', { initial: 'default' }),
    'ipam-opt': map('Set IPAM driver specific options'),
    ipv4: toggle('Enable or disable IPv4 address assignment', { initial: true }),
    ipv6: toggle('Enable or disable IPv6 address assignment'),
    label: list('Set metadata on a network'),
    opt: map('Set driver specific options', { short: 'o' }),
    scope: text("Control the network's scope"),
    subnet: commaList('Subnet in CIDR format that represents a network segment'),
  },
  examples: [
    ['network create net-test', 'A bridge network with a free subnet'],
    [
      'network create --subnet 10.5.0.0/16 --gateway 10.5.0.1 --ip-range 10.5.1.0/24 lab',
      'With addresses of your choice',
    ],
    [
      'network create --internal -o com.docker.network.bridge.name=br-lab lab',
      'Without a way out, and with a bridge of that name',
    ],
  ],
  async run(context, { flags, args, given }) {
    const body = {
      Name: args[0],
      CheckDuplicate: true,
      Driver: flags.driver,
      Scope: flags.scope,
      ...(given.has('ipv4') && { EnableIPv4: flags.ipv4 }),
      ...(given.has('ipv6') && { EnableIPv6: flags.ipv6 }),
      IPAM: { Driver: flags['ipam-driver'], Options: flags['ipam-opt'], Config: poolsOf(flags) },
      Internal: flags.internal,
      Attachable: flags.attachable,
      Ingress: flags.ingress,
      ConfigOnly: flags['config-only'],
      ConfigFrom: flags['config-from'] ? { Network: flags['config-from'] } : null,
      Options: flags.opt,
      Labels: labelsOf(flags.label),
    };
    const { Id, Warning } = await context.client.json<{ Id: string; Warning?: string }>('POST', '/networks/create', {
      body,
    });
    if (Warning) context.err.write(`WARNING: ${Warning}\n`);
    context.out.write(`${Id}\n`);
    return 0;
  },
});

/** `key=value`, or a key alone. */
export function labelsOf(labels: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    labels.map((label) => {
      const sign = label.indexOf('=');
      return sign < 0 ? [label, ''] : [label.slice(0, sign), label.slice(sign + 1)];
    }),
  );
}

const rm = command({
  name: 'network rm',
  aliases: ['network remove'],
  summary: 'Remove one or more networks',
  operands: 'NETWORK [NETWORK...]',
  arity: { least: 1 },
  flags: { force: toggle('Do not error if the network does not exist', { short: 'f' }) },
  examples: [['network rm net-test', 'Remove a network that no container uses']],
  async run(context, { flags, args }) {
    return await forEach(context, args, async (name) => {
      try {
        await context.client.text('DELETE', api('networks', name));
      } catch (error) {
        if (!(flags.force && (error as { status?: number }).status === 404)) throw error;
      }
    });
  },
});

const LISTING: Listing<NetworkSummary & { readonly shownId: string }> = {
  type: '*network.networkContext',
  headers: {
    ID: 'NETWORK ID',
    Name: 'NAME',
    Driver: 'DRIVER',
    Scope: 'SCOPE',
    IPv4: 'IPV4',
    IPv6: 'IPV6',
    Internal: 'INTERNAL',
    Labels: 'LABELS',
    CreatedAt: 'CREATED AT',
    Label: '',
  },
  table: '{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}',
  quiet: '{{.ID}}',
  columns: (network) => ({
    ID: network.shownId,
    Name: network.Name,
    Driver: network.Driver,
    Scope: network.Scope,
    IPv4: String(network.EnableIPv4 ?? true),
    IPv6: String(network.EnableIPv6),
    Internal: String(network.Internal),
    Labels: Object.entries(network.Labels ?? {})
      .map((pair) => pair.join('='))
      .join(','),
    CreatedAt: network.Created.replace('T', ' ').replace('Z', ' +0000 UTC'),
    Label: (key: string) => network.Labels?.[key] ?? '',
  }),
};

const ls = command({
  name: 'network ls',
  aliases: ['network list'],
  summary: 'List networks',
  arity: { least: 0, most: 0 },
  flags: {
    filter: list('Provide filter values (e.g. "driver=bridge")', { short: 'f', placeholder: 'filter' }),
    format: FORMAT,
    'no-trunc': toggle('Do not truncate the output'),
    quiet: toggle('Only display network IDs', { short: 'q' }),
  },
  examples: [
    ['network ls', 'All networks'],
    [
      'network ls --filter type=custom --format "{{.Name}}: {{.Driver}}"',
      'Names and drivers of those that were created',
    ],
  ],
  async run(context, { flags }) {
    const filters = filterQuery(flags.filter);
    const networks = await context.client.json<NetworkSummary[]>('GET', '/networks', { query: { filters } });
    const collator = new Intl.Collator('en', { numeric: true });
    const rows = networks
      .toSorted((a, b) => collator.compare(a.Name, b.Name))
      .map((network) => ({ ...network, shownId: flags['no-trunc'] ? network.Id : network.Id.slice(0, 12) }));
    context.out.write(printListing(LISTING, rows, flags));
    return 0;
  },
});

const inspect = command({
  name: 'network inspect',
  summary: 'Display detailed information on one or more networks',
  operands: 'NETWORK [NETWORK...]',
  arity: { least: 1 },
  flags: {
    format: text("Format output using a custom template: 'json' or a Go template", { short: 'f' }),
    verbose: toggle('Verbose output for diagnostics', { short: 'v' }),
  },
  examples: [
    ['network inspect net-test', 'Everything about a network'],
    ['network inspect -f "{{(index .IPAM.Config 0).Subnet}}" net-test', 'Its subnet'],
  ],
  run: (context, { flags, args }) =>
    inspectAll(context, args, flags.format, (name) =>
      context.client.text('GET', api('networks', name), { query: { verbose: flags.verbose || undefined } }),
    ),
});

const connect = command({
  name: 'network connect',
  summary: 'Connect a container to a network',
  operands: 'NETWORK CONTAINER',
  arity: { least: 2, most: 2 },
  flags: {
    alias: commaList('Add network-scoped alias for the container'),
    'driver-opt': commaList('driver options for the network'),
    'gw-priority': integer('Highest gw-priority provides the default gateway. Accepts positive and negative values.'),
    ip: text('IPv4 address (e.g., "172.30.100.104")'),
    ip6: text('IPv6 address (e.g., "2001:db8::33")'),
    link: list('Add link to another container'),
    'link-local-ip': commaList('Add a link-local address for the container'),
  },
  examples: [
    ['network connect net-test web', 'Put a container on one more network'],
    ['network connect --ip 10.5.1.9 --alias db lab postgres', 'With an address and a second name there'],
  ],
  async run(context, { flags, args: [network = '', container = ''] }) {
    const body = {
      Container: container,
      EndpointConfig: {
        IPAMConfig: {
          ...(flags.ip && { IPv4Address: flags.ip }),
          ...(flags.ip6 && { IPv6Address: flags.ip6 }),
          ...(flags['link-local-ip'].length > 0 && { LinkLocalIPs: flags['link-local-ip'] }),
        },
        Links: flags.link,
        Aliases: flags.alias,
        DriverOpts: labelsOf(flags['driver-opt']),
        ...(flags['gw-priority'] !== undefined && { GwPriority: flags['gw-priority'] }),
      },
    };
    const path = `${api('networks', network)}/connect`;
    await context.client.text('POST', path, { body });
    return 0;
  },
});

const disconnect = command({
  name: 'network disconnect',
  summary: 'Disconnect a container from a network',
  operands: 'NETWORK CONTAINER',
  arity: { least: 2, most: 2 },
  flags: { force: toggle('Force the container to disconnect from a network', { short: 'f' }) },
  examples: [['network disconnect net-test web', 'Take a container off a network']],
  async run(context, { flags, args: [network = '', container = ''] }) {
    const path = `${api('networks', network)}/disconnect`;
    const body = { Container: container, Force: flags.force };
    await context.client.text('POST', path, { body });
    return 0;
  },
});

const prune = command({
  name: 'network prune',
  summary: 'Remove all unused networks',
  arity: { least: 0, most: 0 },
  flags: {
    filter: list('Provide filter values (e.g. "until=<timestamp>")', { placeholder: 'filter' }),
    force: toggle('Do not prompt for confirmation', { short: 'f' }),
  },
  examples: [['network prune -f --filter until=24h', 'Remove those unused ones that are older than a day']],
  async run(context, { flags }) {
    const warning = 'WARNING! This will remove all custom networks not used by at least one container.';
    if (!flags.force && !(await confirm(context, warning))) return 1;
    const query = { filters: filterQuery(flags.filter) };
    const { NetworksDeleted: deleted } = await context.client.json<{ NetworksDeleted: string[] | null }>(
      'POST',
      '/networks/prune',
      { query },
    );
    if (deleted?.length) context.out.write(`Deleted Networks:\n${deleted.join('\n')}\n\n`);
    return 0;
  },
});

export const group: Group = {
  name: 'network',
  summary: 'Manage networks',
  commands: [connect, create, disconnect, inspect, ls, prune, rm],
};
