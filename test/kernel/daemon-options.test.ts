/** What the daemon's options make of the default bridge and of the networks to come, seen with other tools. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HOST_ADDRESS, Stage } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set('passerelle-options');
  await stage.startDaemon();
  await loadBusybox(stage);
});

afterAll(() => stage.close());

const restart = async (options = ''): Promise<void> => {
  await stage.stopDaemon();
  await stage.startDaemon(...options.split(' ').filter(Boolean));
};
const host = async (command: string): Promise<string> => {
  const [program = '', ...args] = command.split(' ');
  return (await stage.onHost(program, args)).stdout;
};
const run = (...args: string[]): Promise<string> => stage.docker('run', '--rm', ...args);
const inside = (command: string): Promise<string> => run('busybox:1.36', ...command.split(' '));

test('the default bridge is as the options say, and stays so while a container is on it', async () => {
  await restart(
    '--bip 10.200.0.9/24 --fixed-cidr 10.200.0.128/25 --default-gateway 10.200.0.77 --ipv6 --bip6 fd00:200::9/64 ' +
      '--mtu 1400 --icc=false --ip 127.0.0.1 --ip-masq=false ' +
      '--dns 192.0.2.1 --dns-search example.org --dns-opt timeout:1 --host-gateway-ip 192.0.2.9',
  );
  const bridge = await host('ip -o address show docker0');
  expect(bridge).toContain('inet 10.200.0.9/24 brd 10.200.0.255');
  expect(bridge).toContain('inet6 fd00:200::9/64');
  expect(bridge).not.toContain('172.17.');
  await stage.docker('run', '-d', '--name', 'guest', '-p', '8080:80', 'busybox:1.36', 'sleep', '1000');
  const guest = (...command: string[]): Promise<string> => stage.docker('exec', 'guest', ...command);
  const address = await guest('ip', '-o', 'address', 'show', 'eth0');
  expect(address).toContain('inet 10.200.0.128/24');
  expect(address).toContain('inet6 fd00:200::1/64');
  expect(await guest('ip', 'link', 'show', 'eth0')).toContain('mtu 1400');
  expect(await guest('ip', 'route')).toContain('default via 10.200.0.77 dev eth0');
  expect(await guest('ip', '-6', 'route')).toContain('default via fd00:200::9 dev eth0');
  expect(await guest('cat', '/etc/resolv.conf')).toBe('search example.org\nnameserver 192.0.2.1\noptions timeout:1');
  expect(await run('--add-host', 'up:host-gateway', 'busybox:1.36', 'cat', '/etc/hosts')).toContain('192.0.2.9\tup');
  const rules = await host('iptables-save');
  expect(rules).toContain('-A FORWARD -i docker0 -o docker0 -j DROP');
  expect(rules).not.toContain('-s 10.200.0.0/24 ! -o docker0 -j MASQUERADE');
  expect(await stage.docker('port', 'guest')).toBe('80/tcp -> 127.0.0.1:8080');
  expect((await stage.onHost('curl', ['-s', '-m', '1', `http://${HOST_ADDRESS}:8080/`])).code).toBe(7);

  await restart();
  expect(await host('ip -o address show docker0')).toContain('inet 10.200.0.9/24');
  expect(await readFile(stage.logFile, 'utf8')).toContain('the default bridge keeps its old options until a start');
  const id = await stage.docker('network', 'inspect', '-f', '{{.Id}}', 'bridge');
  await stage.docker('rm', '-f', 'guest');
  await restart();
  const plain = await host('ip -o address show docker0');
  expect(plain).toContain('inet 172.17.0.1/16');
  expect(plain).not.toContain('10.200.');
  expect(plain).not.toContain('fd00:200:');
  expect(await host('iptables-save')).not.toContain('docker0 -j DROP\n-A FORWARD -i docker0 -o docker0 -j DROP');
  expect(await stage.docker('network', 'inspect', '-f', '{{.Id}}', 'bridge')).toBe(id);
});

test("a file with Docker's keys says the same", async () => {
  const file = join(stage.directory, 'daemon.json');
  const options = {
    bip: '10.210.0.1/24',
    ipv6: true,
    'fixed-cidr-v6': 'fd00:210::/80',
    'default-gateway-v6': 'fd00:210::77',
    mtu: 1380,
    ip: '127.0.0.1',
    'userland-proxy': false,
    'default-address-pools': [{ base: '10.211.0.0/16', size: 26 }],
    'default-network-opts': { bridge: { 'com.docker.network.driver.mtu': '1290' } },
    dns: ['192.0.2.5'],
    'dns-opts': ['rotate'],
    'dns-search': ['file.example'],
    'live-restore': true,
  };
  await writeFile(file, JSON.stringify(options));
  await restart(`--config-file ${file}`);
  await stage.docker('run', '-d', '--name', 'guest', '-p', '8080:80', 'busybox:1.36', 'sleep', '1000');
  const guest = (command: string): Promise<string> => stage.docker('exec', 'guest', ...command.split(' '));
  expect(await guest('ip -o address show eth0')).toMatch(/inet 10\.210\.0\.2\/24 .*inet6 fd00:210::[\da-f:]*\/80/s);
  expect(await guest('ip -6 route')).toContain('default via fd00:210::77 dev eth0');
  expect(await guest('ip link show eth0')).toContain('mtu 1380');
  expect(await guest('cat /etc/resolv.conf')).toBe('search file.example\nnameserver 192.0.2.5\noptions rotate');
  expect(await stage.docker('port', 'guest')).toBe('80/tcp -> 127.0.0.1:8080');
  expect(await host('sysctl -n net.ipv4.conf.docker0.route_localnet')).toBe('1\n');
  await stage.docker('network', 'create', 'cut');
  expect(await stage.docker('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', 'cut')).toBe(
    '10.211.0.0/26',
  );
  expect(await run('--network', 'cut', 'busybox:1.36', 'ip', 'link', 'show', 'eth0')).toContain('mtu 1290');
  await stage.docker('rm', '-f', 'guest');
  await stage.docker('network', 'rm', 'cut');
  await writeFile(file, JSON.stringify({ bip: '10.210.0.1/24', nonsense: true }));
  await stage.stopDaemon();
  await expect(stage.startDaemon('--config-file', file)).rejects.toThrow(
    "the following directives don't match any configuration option: nonsense",
  );
  await stage.startDaemon();
});

test('without a default bridge its containers have loopback only', async () => {
  await restart('--bridge none');
  expect(await host('ip -o link')).not.toContain('docker0');
  expect(await host('iptables-save')).not.toContain('docker0');
  expect(await stage.docker('network', 'ls', '--format', '{{.Name}}')).toBe('host\nnone');
  expect((await inside('ip -o link')).split('\n')).toHaveLength(1);
});

test('containers are on the bridge that the user manages, which is left as it is', async () => {
  await host('ip link add mine type bridge');
  await host('ip address add 10.77.0.5/24 dev mine');
  await host('ip link set mine up');
  await restart('--bridge mine');
  expect(await inside('ip -o address show eth0')).toContain('inet 10.77.0.1/24');
  expect(await inside('ip route')).toContain('default via 10.77.0.5');
  expect(await host('iptables-save -t nat')).toContain('-s 10.77.0.0/24 ! -o mine -j MASQUERADE');
  await restart();
  expect(await host('ip -o address show mine')).toContain('inet 10.77.0.5/24');
  expect(await host('iptables-save')).not.toContain('mine');
});

test('a bridge of the user without an address gets one, and keeps it over restarts', async () => {
  await host('ip link add bare0 type bridge');
  for (let start = 0; start < 2; start++) {
    await restart('--bridge bare0');
    expect(await host('ip -o address show bare0')).toContain('inet 172.17.0.1/16');
    expect(await inside('ping -c1 -W2 172.17.0.1')).toContain('1 packets received');
  }
  await restart();
  expect(await host('ip -o address show bare0')).not.toContain('inet ');
});

test('networks to come have the default options and pools', async () => {
  await restart(
    '--default-address-pool base=10.201.0.0/16,size=24 --default-network-opt bridge=com.docker.network.driver.mtu=1300',
  );
  await stage.docker('network', 'create', 'cut');
  expect(await stage.docker('network', 'inspect', '-f', '{{json .IPAM.Config}}', 'cut')).toBe(
    '[{"Subnet":"10.201.0.0/24","Gateway":"10.201.0.1"}]',
  );
  expect(await run('--network', 'cut', 'busybox:1.36', 'ip', 'link', 'show', 'eth0')).toContain('mtu 1300');
  await stage.docker('network', 'rm', 'cut');
});

test('no rule at all, and forwarding left as it is', async () => {
  await restart();
  for (const table of ['iptables', 'ip6tables']) {
    await host(`${table} -F`);
    await host(`${table} -t nat -F`);
    await host(`${table} -t raw -F`);
  }
  await stage.stopDaemon();
  for (const table of ['iptables', 'ip6tables']) {
    for (const part of ['filter', 'nat', 'raw']) {
      await host(`${table} -t ${part} -F`);
      await host(`${table} -t ${part} -X`);
    }
    await host(`${table} -P FORWARD ACCEPT`);
  }
  await host('sysctl -qw net.ipv4.ip_forward=0');
  await stage.startDaemon('--iptables=false', '--ip6tables=false', '--ip-forward=false');
  await run('-p', '8080:80', 'busybox:1.36', 'true');
  expect((await host('iptables-save')).match(/^-A|DOCKER|DROP/m)).toBeNull();
  expect((await host('ip6tables-save')).match(/^-A|DOCKER|DROP/m)).toBeNull();
  expect(await host('sysctl -n net.ipv4.ip_forward')).toBe('0\n');
  await restart('--ip-forward-no-drop');
  expect(await host('sysctl -n net.ipv4.ip_forward')).toBe('1\n');
  expect(await host('iptables-save -t filter')).toContain(':FORWARD ACCEPT');
});

test(
  'with other options than at the last start, nothing of the former rules is left',
  { timeout: 180_000 },
  async () => {
    const rules = async (): Promise<readonly string[]> => {
      const saved = (await host('iptables-save')) + (await host('ip6tables-save'));
      return saved.split('\n').filter((line) => line.startsWith('-A'));
    };
    await restart();
    await stage.docker('run', '-d', '--name', 'guest', '-p', '8080:80', 'busybox:1.36', 'sleep', '1000');
    const plain = await rules();
    await restart('--userland-proxy=false --allow-direct-routing --bridge-accept-fwmark 0x10');
    const other = await rules();
    expect(other.filter((line) => line.startsWith('-A PREROUTING -d'))).toEqual([]);
    expect(other).toContain('-A POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE');
    expect(other.join()).toContain('--mark 0x10');
    await restart();
    expect(await rules()).toEqual(plain);
    await stage.docker('rm', '-f', 'guest');
  },
);

test('packets with the mark pass, before all that the networks say', async () => {
  await restart('--bridge-accept-fwmark 0x10/0xf0');
  const forward = (await host('iptables -S FORWARD')).split('\n').slice(1, 4);
  expect(forward).toEqual([
    '-A FORWARD -j DOCKER-USER',
    '-A FORWARD -m mark --mark 0x10/0xf0 -j ACCEPT',
    '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
  ]);
});

test.each([
  [['--bridge', 'nowhere'], 'default bridge: bridge nowhere: there is no such bridge on the host'],
  [['--bip', '10.0.0.0/24'], 'default bridge: bip 10.0.0.0/24: it should be the address of the bridge'],
  [['--fixed-cidr', '10.0.0.0/24', '--bip', '10.1.0.1/24'], 'invalid ip-range 10.0.0.0/24'],
  [['--icc=false', '--iptables=false'], 'Please set --icc or --iptables to true'],
])('%j: the daemon says what is wrong and does not start', async (options, text) => {
  await stage.stopDaemon();
  await expect(stage.startDaemon(...options)).rejects.toThrow(text);
  await stage.startDaemon();
});
