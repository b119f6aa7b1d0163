/** Containers as the API shows them, beside what dockerd 20.10.24 showed for the same container. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ContainerRecord, NetworkPlace } from '../../../core/container/container.ts';
import { mergeConfig } from '../../../core/container/merge.ts';
import type { ContainerView } from '../../../core/engine/engine.ts';
import type { EndpointRecord } from '../../../core/network/endpoint.ts';
import type { NetworkRecord } from '../../../core/network/network.ts';
import { humanDuration } from '../duration.ts';
import { decodeContainer } from './decode.ts';
import { presentContainer, statusText, summarizeContainer } from './present.ts';
import { selectProcesses } from './top.ts';

interface Golden {
  readonly body: unknown;
  readonly inspect: Record<string, unknown> & {
    readonly Id: string;
    readonly NetworkSettings: {
      SandboxKey: string;
      SandboxID: string;
      Networks: Record<string, { NetworkID: string; EndpointID: string }>;
    };
  };
  readonly summary: object;
}

const golden = (name: string): Golden =>
  JSON.parse(readFileSync(new URL(`golden/${name}.json`, import.meta.url), 'utf8')) as Golden;

const STATE = { exitCode: 0, error: '', finishedAt: '0001-01-01T00:00:00Z', stoppedByUser: false, oomKilled: false };

/** The record that the engine makes of the request that dockerd got, with dockerd's identifiers. */
function viewOf(
  { body, inspect }: Golden,
  more: Partial<ContainerRecord>,
  endpoint: Partial<EndpointRecord>,
): ContainerView {
  const request = decodeContainer(body, String(inspect['Name']), 41, { cgroupNamespace: 'host' });
  const { State, Created, Image, NetworkSettings } = inspect as unknown as {
    State: { Pid: number; StartedAt: string };
    Created: string;
    Image: string;
    NetworkSettings: Golden['inspect']['NetworkSettings'];
  };
  const [[name, place]] = Object.entries(NetworkSettings.Networks) as [
    [string, { NetworkID: string; EndpointID: string; Aliases: string[] | null }],
  ];
  const settings: NetworkPlace = {
    ...request.networks[name],
    networkId: place.NetworkID,
    joined: true,
    ...(place.Aliases ? { names: place.Aliases } : {}),
  };
  const container: ContainerRecord = {
    id: inspect.Id,
    name: request.name,
    created: Created,
    imageId: Image,
    args: [...(request.config.Entrypoint ?? []), ...(request.config.Cmd ?? [])],
    config: { ...mergeConfig(request.config, {}), Hostname: request.config.Hostname || inspect.Id.slice(0, 12) },
    hostConfig: request.hostConfig,
    state: { ...STATE, status: 'running', pid: State.Pid, startedAt: State.StartedAt },
    restartCount: 0,
    mounts: [],
    networks: { [name]: settings },
    ...more,
  };
  return {
    container,
    sandbox: { id: NetworkSettings.SandboxID, containerId: inspect.Id, host: false, interfaces: {} },
    linkNames: [],
    execIds: (inspect['ExecIDs'] as string[] | null) ?? [],
    endpoints: [
      {
        network: { id: place.NetworkID, name, bridge: {} } as NetworkRecord,
        endpoint: {
          id: place.EndpointID,
          networkId: place.NetworkID,
          interfaceName: '',
          mac: '',
          ipv4: '',
          ipv6: '',
          gateway4: '',
          gateway6: '',
          bindings: [],
          ...endpoint,
        } as unknown as EndpointRecord,
      },
    ],
  };
}

const both = (protocol: 'tcp' | 'udp', containerPort: number, hostPort: number) =>
  ['0.0.0.0', '::'].map((hostAddress) => ({ protocol, containerPort, hostAddress, hostPort }));

const published = golden('published');
const PUBLISHED = viewOf(
  published,
  {},
  {
    interfaceName: 'eth0',
    mac: '02:42:ac:18:00:02',
    ipv4: '172.24.0.2/16',
    gateway4: '172.24.0.1',
    isGateway4: true,
    bindings: [...both('tcp', 80, 7777), ...both('tcp', 99, 32769)],
  },
);

const terminal = golden('terminal');
const TERMINAL = viewOf(
  terminal,
  {
    mounts: [
      {
        type: 'volume',
        name: 'f-vol',
        source: '/tmp/dk/data/volumes/f-vol/_data',
        destination: '/data',
        mode: 'z',
        writable: true,
        propagation: '',
        copy: true,
      },
      {
        type: 'bind',
        name: '',
        source: '/tmp',
        destination: '/mnt',
        mode: 'ro',
        writable: false,
        propagation: 'rslave',
        copy: false,
      },
    ],
  },
  {},
);

describe.each([
  ['a published port', published, PUBLISHED],
  ['a terminal, volumes and no network', terminal, TERMINAL],
])('%s', (_, { inspect, summary }, view) => {
  test('inspect: every field, in its order', () => {
    const shown = presentContainer(view, 41, {
      resolvConfPath: String(inspect['ResolvConfPath']),
      hostnamePath: String(inspect['HostnamePath']),
      hostsPath: String(inspect['HostsPath']),
      logPath: String(inspect['LogPath']),
      sandboxKey: inspect.NetworkSettings.SandboxKey,
      layers: (inspect['GraphDriver'] as { Data: Record<string, string> }).Data,
    });
    expect(JSON.stringify(shown, null, 1)).toBe(JSON.stringify(inspect, null, 1));
  });

  test('list: every field, in its order', () => {
    const now = Date.parse(view.container.state.startedAt) + 200_000;
    const shown = summarizeContainer(view, 'busybox:1', now, { written: 0, total: 1982382 });
    expect(JSON.stringify(shown, null, 1)).toBe(JSON.stringify(summary, null, 1));
  });
});

test('lists have the names that a container has as a link, and no link-local addresses', () => {
  const linkLocal = { linkLocalAddresses: ['169.254.1.1'] };
  const networks = { 'f-net': { ...PUBLISHED.container.networks['f-net']!, ...linkLocal } };
  const view = { ...PUBLISHED, linkNames: ['a/db'], container: { ...PUBLISHED.container, networks } };
  expect(summarizeContainer(view, 'busybox:1', 0)).toMatchObject({
    Names: ['/a/db', '/f-1'],
    NetworkSettings: { Networks: { 'f-net': { IPAMConfig: {} } } },
  });
});

test('on a routed network ports are open without one of the host', () => {
  const bindings = [{ protocol: 'tcp', containerPort: 80, hostAddress: '0.0.0.0', hostPort: 0 }] as const;
  const routed = viewOf(published, {}, { isGateway4: true, ipv4: '172.24.0.2/16', bindings });
  expect(presentContainer(routed, 41, {} as never)).toMatchObject({
    NetworkSettings: { Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '' }] } },
  });
  const { Ports } = summarizeContainer(routed, 'busybox:1', 0) as { Ports: object[] };
  expect(Ports[0]).toEqual({ IP: '0.0.0.0', PrivatePort: 80, Type: 'tcp' });
});

test('where nothing leads out, nothing is exposed', () => {
  const inside = viewOf(published, {}, { interfaceName: 'eth0', ipv4: '172.24.0.2/16', bindings: [] });
  expect(presentContainer(inside, 41, {} as never)).toMatchObject({ NetworkSettings: { Ports: {} } });
});

describe('what differs by version', () => {
  const place = (version: number): Record<string, unknown> => {
    const shown = presentContainer(PUBLISHED, version, {} as never) as {
      NetworkSettings: { Networks: Record<string, Record<string, unknown>> };
    };
    return shown.NetworkSettings.Networks['f-net']!;
  };

  test('aliases name all until 1.44, DNSNames from then on', () => {
    const always = ['7958bb9f2c28', 'hh'];
    expect([place(43)['Aliases'], place(43)['DNSNames']]).toEqual([['al', ...always], undefined]);
    expect(place(44)).toMatchObject({ Aliases: ['al', ...always], DNSNames: ['f-1', 'al', ...always] });
    expect(place(45)).toMatchObject({ Aliases: ['al'], DNSNames: ['f-1', 'al', ...always] });
  });

  test('the priority of gateways from 1.48 on', () => {
    expect([place(47)['GwPriority'], place(48)['GwPriority']]).toEqual([undefined, 0]);
  });

  test('defaults of old clients', () => {
    const hostConfig = (version: number) =>
      decodeContainer({ Image: 'i', HostConfig: { AutoRemove: true } }, '', version, { cgroupNamespace: 'private' })
        .hostConfig;
    expect(hostConfig(24)).toMatchObject({ AutoRemove: false, IpcMode: 'shareable', CgroupnsMode: 'host' });
    expect(hostConfig(41)).toMatchObject({ AutoRemove: true, IpcMode: 'private', CgroupnsMode: 'private' });
  });
});

test.each([
  [{ Memory: 10 }, { MemorySwap: 20 }],
  [{ Memory: 10, MemorySwap: -1 }, { MemorySwap: -1 }],
  [{ PidsLimit: 0 }, { PidsLimit: null }],
  [{ MemorySwappiness: -1 }, { MemorySwappiness: null }],
  [{ Privileged: true }, { MaskedPaths: null, ReadonlyPaths: null, SecurityOpt: ['label=disable'] }],
  [{ MaskedPaths: [] }, { MaskedPaths: [] }],
  [{ PortBindings: { '80/tcp': null } }, { PortBindings: { '80/tcp': [] } }],
  [{ LogConfig: { Type: '', Config: null } }, { LogConfig: { Type: 'json-file', Config: {} } }],
])('%j is completed to %j', (sent, completed) => {
  const { hostConfig } = decodeContainer({ Image: 'i', HostConfig: sent }, '', 41, { cgroupNamespace: 'host' });
  expect(hostConfig).toMatchObject(completed);
});

test('a command may be one text', () => {
  const { config } = decodeContainer({ Image: 'i', Cmd: 'top', Entrypoint: ['/init'] }, '/n', 41, {
    cgroupNamespace: 'host',
  });
  expect(config).toMatchObject({ Cmd: ['top'], Entrypoint: ['/init'] });
});

test.each([
  [0, 'Less than a second'],
  [1, '1 second'],
  [59, '59 seconds'],
  [60, 'About a minute'],
  [119, 'About a minute'],
  [120, '2 minutes'],
  [3599, '59 minutes'],
  [3600, 'About an hour'],
  [5400, '2 hours'],
  [47 * 3600, '47 hours'],
  [48 * 3600, '2 days'],
  [14 * 86400, '2 weeks'],
  [60 * 86400, '2 months'],
  [730 * 86400, '2 years'],
])('%d seconds are %s', (seconds, text) => {
  expect(humanDuration(seconds * 1000)).toBe(text);
});

test.each([
  [{ status: 'created' }, 'Created'],
  [{ status: 'running' }, 'Up 5 seconds'],
  [{ status: 'running', health: 'starting' }, 'Up 5 seconds (health: starting)'],
  [{ status: 'running', health: 'unhealthy' }, 'Up 5 seconds (unhealthy)'],
  [{ status: 'paused', health: 'unhealthy' }, 'Up 5 seconds (Paused)'],
  [{ status: 'paused' }, 'Up 5 seconds (Paused)'],
  [{ status: 'restarting', exitCode: 2 }, 'Restarting (2) 5 seconds ago'],
  [{ status: 'exited', exitCode: 137 }, 'Exited (137) 5 seconds ago'],
  [{ status: 'removing' }, 'Removal In Progress'],
  [{ status: 'dead' }, 'Dead'],
] as const)('status %j', (state, text) => {
  const times = { startedAt: '2024-01-01T00:00:00Z', finishedAt: '2024-01-01T00:00:00Z' };
  const record = { state: { ...STATE, pid: 0, ...times, ...state } } as unknown as ContainerRecord;
  expect(statusText(record, Date.parse('2024-01-01T00:00:05Z'))).toBe(text);
});

test("ps's lines are cut in as many columns as there are titles", () => {
  const output = 'UID   PID  PPID CMD\nroot    1     0 init  x\nroot   12     1 sh -c  a b\n';
  expect(selectProcesses(output, new Set(['12']))).toEqual({
    Processes: [['root', '12', '1', 'sh -c a b']],
    Titles: ['UID', 'PID', 'PPID', 'CMD'],
  });
  expect(() => selectProcesses('COMMAND\nsh\n', new Set())).toThrow("Couldn't find PID field in ps output");
});
