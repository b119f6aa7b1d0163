import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inside, named, run } from '../process.ts';
import { timed, type Work } from '../work.ts';

const CNI = '/usr/lib/cni';
const NETAVARK = '/usr/lib/podman/netavark';
const ID = 'b'.repeat(64);
const FIRST = 20_000;

interface Port {
  readonly host: number;
  readonly inside: number;
}

/** What attaches one namespace to a network, as a program for each call. */
interface Plugin {
  readonly name: 'netavark' | 'cni';
  attach(host: string, guest: string, ports: readonly Port[], folder: string): Promise<void>;
  detach(host: string, guest: string, ports: readonly Port[], folder: string): Promise<void>;
}

const netavark: Plugin = {
  name: 'netavark',
  attach: (host, guest, ports, folder) => callNetavark('setup', host, guest, ports, folder),
  detach: (host, guest, ports, folder) => callNetavark('teardown', host, guest, ports, folder),
};

const cni: Plugin = {
  name: 'cni',
  async attach(host, guest, ports, folder) {
    const result = await callCni('ADD', 'bridge', host, guest, bridgeConfig(folder));
    await callCni('ADD', 'portmap', host, guest, { ...portmapConfig(ports), prevResult: JSON.parse(result) });
  },
  async detach(host, guest, ports, folder) {
    await callCni('DEL', 'portmap', host, guest, portmapConfig(ports));
    await callCni('DEL', 'bridge', host, guest, bridgeConfig(folder));
  },
};

export const plugins: Work = {
  name: 'plugins',
  about:
    'netavark, and the CNI plugins bridge and portmap, attach an empty namespace to a bridge, with ports published. ' +
    "To be compared with the network's share of our start and removal.",
  quick: false,
  async run(bench) {
    await bench.rounds([netavark, cni], 2, async (plugin, note) => {
      const folder = await mkdtemp(join(tmpdir(), 'bench-plugin-'));
      const host = `bench-${plugin.name}-${process.pid}`;
      const guest = `${host}-guest`;
      await run('ip', ['netns', 'add', host]);
      try {
        for (const count of [1, 10, 100]) {
          const ports = Array.from({ length: count }, (_, index) => ({ host: FIRST + index, inside: 1000 + index }));
          const words = count === 1 ? '1 port' : `${count} ports`;
          await run('ip', ['netns', 'add', guest]);
          try {
            note(`attach with ${words}`, 'ms', await timed(() => plugin.attach(host, guest, ports, folder)));
            note(`detach with ${words}`, 'ms', await timed(() => plugin.detach(host, guest, ports, folder)));
          } finally {
            await run('ip', ['netns', 'delete', guest]);
          }
        }
      } finally {
        await run('ip', ['netns', 'delete', host]);
        await rm(folder, { recursive: true });
      }
    });
  },
};

async function callNetavark(
  task: 'setup' | 'teardown',
  host: string,
  guest: string,
  ports: readonly Port[],
  folder: string,
): Promise<void> {
  const input = JSON.stringify({
    container_id: ID,
    container_name: 'bench',
    port_mappings: ports.map((port) => ({
      container_port: port.inside,
      host_ip: '',
      host_port: port.host,
      protocol: 'tcp',
      range: 1,
    })),
    networks: { bench: { interface_name: 'eth0', static_ips: ['10.88.0.2'] } },
    network_info: {
      bench: {
        dns_enabled: false,
        driver: 'bridge',
        id: ID,
        internal: false,
        ipam_options: { driver: 'host-local' },
        ipv6_enabled: false,
        name: 'bench',
        network_interface: 'bench0',
        subnets: [{ subnet: '10.88.0.0/16', gateway: '10.88.0.1' }],
      },
    },
  });
  await run('nsenter', inside(named(host), NETAVARK, '--config', folder, task, named(guest)), { input });
}

const bridgeConfig = (folder: string): object => ({
  cniVersion: '1.0.0',
  name: 'bench',
  type: 'bridge',
  bridge: 'bench0',
  isGateway: true,
  ipMasq: true,
  ipam: {
    type: 'host-local',
    dataDir: folder,
    ranges: [[{ subnet: '10.88.0.0/16' }]],
    routes: [{ dst: '0.0.0.0/0' }],
  },
});

const portmapConfig = (ports: readonly Port[]): object => ({
  cniVersion: '1.0.0',
  name: 'bench',
  type: 'portmap',
  capabilities: { portMappings: true },
  runtimeConfig: {
    portMappings: ports.map((port) => ({ hostPort: port.host, containerPort: port.inside, protocol: 'tcp' })),
  },
});

function callCni(command: 'ADD' | 'DEL', plugin: string, host: string, guest: string, config: object): Promise<string> {
  return run('nsenter', inside(named(host), join(CNI, plugin)), {
    input: JSON.stringify(config),
    env: {
      ...process.env,
      CNI_COMMAND: command,
      CNI_CONTAINERID: ID,
      CNI_NETNS: named(guest),
      CNI_IFNAME: 'eth0',
      CNI_PATH: CNI,
    },
  });
}
