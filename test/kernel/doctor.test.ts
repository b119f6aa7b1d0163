/**
 * The doctor on hosts that others broke: each fault is made with the tools that make it, is seen to keep a
 * packet back, is told with its proof, and is over when what stands behind "first" was done.
 */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOST_ADDRESS, Stage, WORLD_ADDRESS } from '../../scripts/stage.ts';
import { address, DnsServers } from '../support/dns-servers.ts';
import { loadBusybox } from '../support/images.ts';
import { runPasserelle } from '../support/passerelle.ts';

const SERVE = 'mkdir -p /w; echo alive > /w/index.html; exec httpd -f -h /w -p 80';
const BRIDGE = 'br-00000000cafe';

interface Found {
  readonly check: string;
  readonly severity: string;
  readonly what: string;
  readonly proof: readonly string[];
  readonly first: string;
}

/** A host with one service, published at port 8080. */
class Patient {
  readonly stage: Stage;

  private constructor(stage: Stage) {
    this.stage = stage;
  }

  static async admit(
    name: string,
    options: string[] = [],
    prepare?: (stage: Stage) => Promise<void>,
  ): Promise<Patient> {
    const stage = await Stage.set(name);
    try {
      await prepare?.(stage);
      await stage.startDaemon(...options);
      await loadBusybox(stage);
      const bridge = ['-o', `com.docker.network.bridge.name=${BRIDGE}`];
      await stage.docker('network', 'create', ...bridge, '--subnet', '10.60.0.0/24', 'lab');
      const place = ['--name', 'web', '--network', 'lab', '-p', '8080:80'];
      await stage.docker('run', '-d', ...place, 'busybox:1.36', 'sh', '-c', SERVE);
      return new Patient(stage);
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  /** Runs a line of shell on the host, with docker and passerelle at hand; it must end well. */
  async does(line: string): Promise<string> {
    const { code, stdout, stderr } = await this.stage.onHost('sh', ['-c', `set -e; ${line}`]);
    if (code !== 0) throw new Error(`${line}: exit ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** The same with ufw at hand, which keeps its settings here and not in the machine's /etc. */
  async doesWithUfw(line: string): Promise<string> {
    const own = join(this.stage.directory, 'ufw');
    return this.does(
      `[ -e ${own} ] || { mkdir ${own}; cp -a /etc/ufw ${own}/settings; cp /etc/default/ufw ${own}/defaults; }
       exec unshare -m sh -ec 'mount --bind ${own}/settings /etc/ufw; mount --bind ${own}/defaults /etc/default/ufw; ${line}'`,
    );
  }

  /** Whether another machine reaches the service, as `curl` says, or by other words to curl. */
  async answers(...words: string[]): Promise<boolean> {
    const where = words.length > 0 ? words : [`http://${HOST_ADDRESS}:8080/`];
    const { stdout } = await this.stage.onWorld('curl', ['-s', '-m', '1', ...where]);
    return stdout === 'alive\n';
  }

  /** Whether the container finds that name. */
  async finds(name: string): Promise<boolean> {
    const { stdout } = await this.stage.outside('docker', ['exec', 'web', 'timeout', '3', 'nslookup', name]);
    return stdout.includes(`Name:\t${name}\n`);
  }

  async findings(...about: readonly string[]): Promise<readonly Found[]> {
    const { out, err } = await runPasserelle(['doctor', '--json', ...about], this.stage.directory, {
      PASSERELLE_HOST: this.stage.dockerHost,
    });
    expect(err).toBe('');
    return JSON.parse(out) as Found[];
  }

  /** The one thing that is found. */
  async complaint(check: string, ...about: readonly string[]): Promise<Found> {
    const found = await this.findings(...about);
    expect(found).toMatchObject([{ check }]);
    return found[0]!;
  }
}

describe('with the classic layout', () => {
  let host: Patient;
  const servers = new DnsServers();

  beforeAll(async () => {
    host = await Patient.admit('passerelle-doctor', [], async (stage) => {
      stage.resolvConf = join(stage.directory, 'resolv.conf');
      await writeFile(stage.resolvConf, `nameserver ${WORLD_ADDRESS}\n`);
    });
    servers.add(WORLD_ADDRESS, address('192.0.2.80'), `/run/netns/${host.stage.world}`);
  });
  afterAll(async () => {
    servers.clear();
    await host.stage.close();
  });

  test('nothing is wrong at first', async () => {
    await expect.poll(() => host.answers()).toBe(true);
    expect(await host.finds('example.org')).toBe(true);
    expect(await host.findings()).toEqual([]);
  });

  test('a port that another program took while the container was stopped', async () => {
    const { stage } = host;
    await stage.docker('stop', '-t', '0', 'web');
    const words = [`--net=/run/netns/${stage.host}`, 'socat', 'TCP-LISTEN:8080,fork,reuseaddr', 'SYSTEM:echo rival'];
    const rival = spawn('nsenter', words, { stdio: 'ignore' });
    try {
      await expect.poll(() => host.does('ss -Hlnt')).toContain('0.0.0.0:8080');
      const { stderr } = await stage.outside('docker', ['start', 'web']);
      expect(stderr).toContain('address already in use');
      expect(await host.answers()).toBe(false);
      for (const about of [[], ['web'], ['8080']]) {
        expect(await host.complaint('taken-ports', ...about)).toMatchObject({
          severity: 'error',
          what: 'web could not be started: socat has port 8080/tcp of the host, at which it is to be published.',
          proof: [`tcp LISTEN *:8080 socat (pid ${rival.pid})`],
          first: `kill ${rival.pid}`,
        });
      }
      const ended = new Promise((done) => rival.once('exit', done));
      await host.does((await host.complaint('taken-ports')).first);
      await ended;
    } finally {
      rival.kill();
    }
    await stage.docker('start', 'web');
    await expect.poll(() => host.answers()).toBe(true);
    expect(await host.findings()).toEqual([]);
  });

  test('a rule of old that leads the port to an address which is gone', async () => {
    await host.does('iptables -t nat -I PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.60.0.77:80');
    expect(await host.answers()).toBe(false);
    const found = await host.complaint('published-ports');
    expect(found).toMatchObject({
      severity: 'error',
      what: 'Port 8080/tcp, which is published for web, leads to 10.60.0.77:80 instead of 10.60.0.2:80: a rule of an unknown owner is asked first.',
      proof: [
        expect.stringMatching(
          /^iptables -t nat -A PREROUTING .* --to-destination 10\.60\.0\.77:80 \(rule 1; [1-9]\d* packets?\)$/,
        ),
      ],
      first: 'iptables -t nat -D PREROUTING 1',
    });
    await host.does(found.first);
    expect(await host.answers()).toBe(true);
    expect(await host.findings()).toEqual([]);
  });

  test('a strict source check, and callers who come by a second uplink', async () => {
    const { stage } = host;
    const ends = ['netns', stage.host, 'type', 'veth', 'peer', 'name', 'uplink1', 'netns', stage.world];
    await stage.outside('ip', ['link', 'add', 'uplink1', ...ends]);
    await host.does(
      'ip address add 192.0.2.1/24 dev uplink1; ip link set uplink1 up; ip route add default via 192.0.2.2 metric 200',
    );
    const other =
      'sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.uplink0.rp_filter=0 net.ipv4.conf.uplink1.rp_filter=0; ip address add 192.0.2.2/24 dev uplink1; ip link set uplink1 up; ip address add 203.0.113.9/32 dev lo';
    expect((await stage.onWorld('sh', ['-c', other])).stderr).toBe('');
    const call = ['--interface', '203.0.113.9', 'http://192.0.2.1:8080/'];
    await expect.poll(() => host.answers(...call)).toBe(true);
    expect(await host.findings()).toEqual([]);
    await host.does('sysctl -qw net.ipv4.conf.all.rp_filter=1');
    expect(await host.answers(...call)).toBe(false);
    const found = await host.complaint('reverse-path');
    expect(found).toMatchObject({
      severity: 'warning',
      what: expect.stringMatching(/^Answers leave by uplink0, .* callers who come by uplink1 are not heard/),
      proof: expect.arrayContaining(['net.ipv4.conf.all.rp_filter = 1', 'default dev uplink1 metric 200']),
      first: 'sysctl -w net.ipv4.conf.uplink1.rp_filter=2',
    });
    await host.does(found.first);
    expect(await host.answers(...call)).toBe(true);
    expect(await host.findings()).toEqual([]);
    await host.does('sysctl -qw net.ipv4.conf.all.rp_filter=0; ip link del uplink1');
  });

  test('the rules that lead names to their server are gone from a container', async () => {
    const pid = await host.stage.docker('inspect', '-f', '{{.State.Pid}}', 'web');
    await host.stage.outside('nsenter', [`--net=/proc/${pid}/ns/net`, 'nft', 'flush', 'ruleset']);
    expect(await host.finds('web')).toBe(false);
    const found = await host.complaint('names');
    expect(found).toMatchObject({
      severity: 'error',
      what: 'web finds no names: no rule in it leads 127.0.0.11 port 53 to the name server.',
      first: 'docker restart web',
    });
    await host.does(found.first);
    expect(await host.finds('web')).toBe(true);
    await expect.poll(() => host.findings()).toEqual([]);
  });

  test('a rule that keeps queries from the name server', async () => {
    await host.does('iptables -I OUTPUT -p udp --dport 53 -j DROP');
    expect(await host.finds('blocked.example.org')).toBe(false);
    const found = await host.complaint('names', 'web');
    expect(found).toMatchObject({
      severity: 'error',
      what: expect.stringMatching(
        /^web finds no names of the outside: queries do not get to 198\.51\.100\.2, the name server of the host: a rule of filter OUTPUT in host drops it/,
      ),
      first: 'iptables -t filter -D OUTPUT 1',
    });
    await host.does(found.first);
    expect(await host.finds('blocked.example.org')).toBe(true);
    expect(await host.findings()).toEqual([]);
  });

  test('a name server that does not answer', async () => {
    servers.clear();
    await host.does('conntrack -F 2>/dev/null');
    expect(await host.finds('silent.example.org')).toBe(false);
    const found = await host.complaint('names');
    expect(found).toMatchObject({
      severity: 'error',
      what: 'web finds no names of the outside: 198.51.100.2, the name server of the host, does not answer.',
      proof: [
        expect.stringMatching(/^conntrack: udp 198\.51\.100\.1:\d+ > 198\.51\.100\.2:53 \[UNREPLIED\], \d+ such$/),
      ],
      first: 'see to it that 198.51.100.2 answers, or name another server in /etc/resolv.conf',
    });
    servers.add(WORLD_ADDRESS, address('192.0.2.80'), `/run/netns/${host.stage.world}`);
    expect(await host.finds('silent.example.org')).toBe(true);
    expect(await host.findings()).toEqual([]);
  });
});

describe('beside ufw', () => {
  describe('with the layout of nftables', () => {
    let host: Patient;
    beforeAll(async () => {
      host = await Patient.admit('passerelle-doctor-nft', ['--firewall-backend', 'nftables']);
    });
    afterAll(() => host.stage.close());

    test("ufw's policy drops what is routed, whatever our table accepts", async () => {
      await expect.poll(() => host.answers()).toBe(true);
      expect(await host.findings()).toEqual([]);
      await host.doesWithUfw('ufw --force enable');
      expect(await host.answers()).toBe(false);
      const found = await host.complaint('forward-drops');
      expect(found).toMatchObject({
        severity: 'error',
        what: "The policy of FORWARD (ufw's) drops what no rule accepts, and no rule accepts anything of lab.",
        proof: [expect.stringMatching(/^iptables -t filter -P FORWARD DROP \([1-9]\d* packets\)$/)],
        first: `ufw route allow in on ${BRIDGE} && ufw route allow out on ${BRIDGE}`,
      });
      await host.doesWithUfw(found.first);
      expect(await host.answers()).toBe(true);
    });

    test('whom it lets pass is then up to our table', async () => {
      const found = await host.complaint('firewall-managers');
      expect(found).toMatchObject({
        severity: 'note',
        what: expect.stringContaining('so 8080 is open to everybody whatever `ufw status` says'),
        first:
          'nft insert rule ip passerelle user ip saddr != ALLOWED meta l4proto tcp ct original proto-dst 8080 drop',
      });
      await host.does(found.first.replace('ALLOWED', '192.0.2.0/24'));
      expect(await host.answers()).toBe(false);
    });
  });

  describe('with the classic layout', () => {
    let host: Patient;
    beforeAll(async () => {
      host = await Patient.admit('passerelle-doctor-ufw');
    });
    afterAll(() => host.stage.close());

    test('what is published is open, though ufw denies it', async () => {
      await expect.poll(() => host.answers()).toBe(true);
      await host.doesWithUfw('ufw --force enable; ufw deny 8080/tcp');
      expect(await host.answers()).toBe(true);
      const found = await host.complaint('firewall-managers');
      expect(found).toMatchObject({
        severity: 'note',
        what: expect.stringContaining('so 8080 is open to everybody whatever `ufw status` says'),
        proof: ['passerelle trace --to host:8080/tcp: PASS'],
        first: 'iptables -I DOCKER-USER ! -s ALLOWED -p tcp -m conntrack --ctorigdstport 8080 -j DROP',
      });
      await host.does(found.first.replace('ALLOWED', '192.0.2.0/24'));
      expect(await host.answers()).toBe(false);
    });
  });
});

describe('on a host whose engine was killed', () => {
  let host: Patient;
  beforeAll(async () => {
    host = await Patient.admit('passerelle-doctor-lone');
  });
  afterAll(async () => {
    await host.stage.startDaemon();
    await host.stage.close();
  });

  /** From what the script gathers: there is no daemon to ask. */
  const findings = async (): Promise<readonly Found[]> => {
    const run = (words: readonly string[], input?: string) =>
      runPasserelle(words, host.stage.directory, { PASSERELLE_HOST: 'unix:///nowhere.sock' }, input);
    const { out: script } = await run(['snapshot', '--script']);
    const { stdout } = await host.stage.onHost('sh', [], { input: script });
    return JSON.parse((await run(['doctor', '--json', '--snapshot', '-'], stdout)).out) as Found[];
  };

  test('a save that was restored once too often, and from before a network was removed', { retry: 0 }, async () => {
    await expect.poll(() => host.answers()).toBe(true);
    const name = 'com.docker.network.bridge.name=br-00000000dead';
    await host.stage.docker('network', 'create', '-o', name, 'gone');
    const save = await host.does('iptables-save -t filter');
    await host.stage.docker('network', 'rm', 'gone');
    await host.stage.stopDaemon('SIGKILL');
    expect(await findings()).toEqual([]);
    await host.stage.onHost('iptables-restore', ['--noflush'], { input: save });
    const found = await findings();
    expect(found.find(({ check }) => check === 'gone-bridges')).toMatchObject({
      severity: 'warning',
      what: '6 rules are about br-00000000dead, and there is no such bridge: its network is gone, or its bridge was deleted by hand.',
      proof: expect.arrayContaining([
        expect.stringMatching(
          /^iptables -t filter -A FORWARD -i br-00000000dead ! -o br-00000000dead -j ACCEPT \(rule \d+; 0 packets\)$/,
        ),
      ]),
    });
    // What restores a chain of the user's empties it first.
    expect(found.filter(({ check }) => check === 'stale-rules')).toMatchObject([
      {
        severity: 'warning',
        what: '10 rules stand more than once in filter FORWARD: two engines, or a restored save, wrote them twice.',
      },
    ]);
    // Each step is taken from a look of its own: numbers of rules change.
    for (let steps = 0; steps < 5; steps++) {
      const [next] = await findings();
      if (!next) break;
      await host.does(next.first);
    }
    expect(await findings()).toEqual([]);
    expect(await host.answers()).toBe(true);
    expect((await host.does('iptables-save -t filter')).replaceAll(/\[.*\]|^#.*\n/gm, '')).not.toContain('dead');
  });
});
