/** Nothing is lost when the daemon is killed, and a step that fails leaves everything as it was. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set('passerelle-hold');
  await stage.startDaemon();
  await loadBusybox(stage);
});

afterAll(() => stage.close());

interface State {
  readonly rules: readonly string[];
  readonly links: readonly object[];
  readonly networks: string;
  readonly containers: string;
  readonly inspect: unknown;
}

/** What must be the same before and after: rules, links, addresses, records. */
async function state(): Promise<State> {
  const { stdout: rules } = await stage.onHost('iptables-save', []);
  const { stdout: addresses } = await stage.onHost('ip', ['-j', 'address']);
  const links = (
    JSON.parse(addresses) as {
      ifname: string;
      master?: string;
      address: string;
      addr_info: { local: string; family: string }[];
    }[]
  ).map(({ ifname, master, address, addr_info }) => ({
    ifname,
    master,
    address,
    addresses: addr_info.filter(({ family }) => family === 'inet').map(({ local }) => local),
  }));
  return {
    rules: rules
      .split('\n')
      .filter((line) => line.startsWith('-A') || line.startsWith(':FORWARD '))
      .map((line) => line.replace(/\[.*\]/, '')),
    links,
    networks: await stage.docker('network', 'ls', '--no-trunc'),
    containers: await stage.docker('ps', '-a', '--no-trunc', '--format', '{{.ID}} {{.Names}} {{.State}} {{.Ports}}'),
    inspect: JSON.parse(await stage.docker('network', 'inspect', 'hold')),
  };
}

describe('a daemon that is stopped and started again', () => {
  test('leaves its containers running', async () => {
    await stage.docker('run', '-d', '--name', 'stays', 'busybox:1.36', 'sleep', '1000');
    const before = await stage.docker(
      'inspect',
      '-f',
      '{{.State.Status}} {{.State.Pid}} {{.State.StartedAt}}',
      'stays',
    );
    expect(await stage.stopDaemon('SIGTERM')).toBe(0);
    await stage.startDaemon();
    expect(await stage.docker('inspect', '-f', '{{.State.Status}} {{.State.Pid}} {{.State.StartedAt}}', 'stays')).toBe(
      before,
    );
    await stage.docker('rm', '-f', 'stays');
  });
});

describe('a daemon that is killed and started again', () => {
  test('has the same networks, containers, addresses and rules', async () => {
    await stage.docker('network', 'create', 'hold');
    await stage.docker(
      'run',
      '-d',
      '--name',
      'h1',
      '--network',
      'hold',
      '-p',
      '8081:80',
      'busybox:1.36',
      'sh',
      '-c',
      'mkdir /w; echo alive > /w/index.html; exec httpd -f -h /w',
    );
    await stage.docker('run', '-d', '--name', 'h2', 'busybox:1.36', 'sleep', '1000');
    const before = await state();
    await stage.stopDaemon('SIGKILL');
    await stage.startDaemon();
    expect(await state()).toEqual(before);
    const { stdout } = await stage.onWorld('curl', ['-s', '-m', '3', 'http://198.51.100.1:8081/']);
    expect(stdout).toBe('alive\n');
    const { stdout: loop } = await stage.onHost('curl', ['-s', '-m', '3', 'http://127.0.0.1:8081/']);
    expect(loop).toBe('alive\n');
  });

  test('knows the exit code of a container that ended meanwhile', async () => {
    await stage.docker(
      'run',
      '-d',
      '--name',
      'h3',
      '--network',
      'hold',
      'busybox:1.36',
      'sh',
      '-c',
      'sleep 2; echo last words; exit 7',
    );
    await stage.stopDaemon('SIGKILL');
    await new Promise((done) => setTimeout(done, 2500));
    await stage.startDaemon();
    expect(await stage.docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'h3')).toBe('exited 7');
    expect(await stage.docker('logs', 'h3')).toBe('last words');
    await stage.docker('rm', 'h3');
  });

  test('puts back what a reload of firewalld takes away, and lets its rules be', async () => {
    const before = await state();
    for (const tables of ['iptables', 'ip6tables'])
      for (const table of ['raw', 'mangle', 'nat', 'filter'])
        for (const what of ['-F', '-X']) await stage.onHost(tables, ['-w', '-t', table, what]);
    await stage.onHost('iptables', ['-w', '-P', 'FORWARD', 'ACCEPT']);
    await stage.onHost('iptables', ['-w', '-N', 'FORWARD_direct']);
    await stage.onHost('iptables', ['-w', '-I', 'FORWARD', '-j', 'FORWARD_direct']);
    const rules = async (): Promise<readonly string[]> => (await state()).rules;
    const theirs = '-A FORWARD -j FORWARD_direct';
    await expect
      .poll(async () => (await rules()).filter((line) => line !== theirs), { timeout: 20_000, interval: 500 })
      .toEqual(before.rules);
    expect(await rules()).toContain(theirs);
    const { stdout } = await stage.onWorld('curl', ['-s', '-m', '3', 'http://198.51.100.1:8081/']);
    expect(stdout).toBe('alive\n');
    await stage.onHost('iptables', ['-w', '-D', 'FORWARD', '-j', 'FORWARD_direct']);
    await stage.onHost('iptables', ['-w', '-X', 'FORWARD_direct']);
  });

  test('puts back rules that were flushed while it was away, and doubles nothing', async () => {
    const before = await state();
    await stage.stopDaemon('SIGKILL');
    await stage.onHost('iptables', ['-F']);
    await stage.onHost('iptables', ['-t', 'nat', '-F']);
    await stage.startDaemon();
    expect(await state()).toEqual(before);
  });

  test('removes what a killed change left half done', async () => {
    // Killed at many moments of creating and removing networks: whatever is there afterwards is whole.
    for (let delay = 5; delay <= 65; delay += 20) {
      const creating = stage.outside(stage.client, ['network', 'create', `half${delay}`]);
      await new Promise((done) => setTimeout(done, delay));
      await stage.stopDaemon('SIGKILL');
      await creating;
      await stage.startDaemon();
      const names = (
        await stage.docker('network', 'ls', '--no-trunc', '--filter', 'driver=bridge', '--format', '{{.ID}} {{.Name}}')
      ).split('\n');
      const { stdout } = await stage.onHost('ip', ['-j', 'link', 'show', 'type', 'bridge']);
      const bridges = (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname).sort();
      const wanted = names
        .map((line) => line.split(' '))
        .map(([id, name]) => (name === 'bridge' ? 'docker0' : `br-${id!.slice(0, 12)}`))
        .sort();
      expect(bridges).toEqual(wanted);
      const { stdout: rules } = await stage.onHost('iptables-save', ['-t', 'filter']);
      const named = new Set([...rules.matchAll(/ (br-[0-9a-f]{12})/g)].map((match) => match[1]!));
      expect([...named, 'docker0'].sort()).toEqual(wanted);
    }
  });
});

describe('a change that the kernel refuses', () => {
  test('changes nothing, and says what was refused', async () => {
    const { stdout: before } = await stage.onHost('iptables-save', []);
    await stage.onHost('ip', ['link', 'add', 'taken0', 'type', 'bridge']);
    const networks = await stage.docker('network', 'ls', '-q');
    const { code, stderr } = await stage.outside(stage.client, [
      'network',
      'create',
      '-o',
      'com.docker.network.bridge.name=lo',
      'refused',
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/lo/);
    expect(await stage.docker('network', 'ls', '-q')).toBe(networks);
    const { stdout: after } = await stage.onHost('iptables-save', []);
    const rules = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('-A'));
    expect(rules(after)).toEqual(rules(before));
    await stage.onHost('ip', ['link', 'delete', 'taken0']);
  });

  test('a port that the host uses is refused before anything has changed', async () => {
    const listener = stage.onHost('timeout', ['10', 'socat', 'TCP-LISTEN:8090,bind=0.0.0.0', 'EXEC:true']);
    await new Promise((done) => setTimeout(done, 300));
    const before = (await stage.onHost('iptables-save', [])).stdout.split('\n').filter((line) => line.startsWith('-A'));
    const { code, stderr } = await stage.outside(stage.client, [
      'run',
      '-d',
      '--name',
      'clash',
      '-p',
      '8090:80',
      'busybox:1.36',
      'sleep',
      '100',
    ]);
    expect(code).toBe(125);
    expect(stderr).toContain('driver failed programming external connectivity on endpoint clash');
    expect(stderr).toContain('address already in use');
    const after = (await stage.onHost('iptables-save', [])).stdout.split('\n').filter((line) => line.startsWith('-A'));
    expect(after).toEqual(before);
    await stage.docker('rm', 'clash');
    await stage.onHost('curl', ['-s', '-m', '1', 'http://127.0.0.1:8090/']);
    await listener;
  });
});
