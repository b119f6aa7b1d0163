/** `trace --live` on a real host: predictions beside what the kernel did, with both layouts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOST_ADDRESS, Stage } from '../../scripts/stage.ts';
import type { LiveStep, LiveTrace } from '../../src/core/insight/trace/live/compare.ts';
import { loadBusybox } from '../support/images.ts';
import { runPasserelle, type Outcome } from '../support/passerelle.ts';

const SERVE = 'mkdir -p /w; echo alive > /w/index.html; exec httpd -f -h /w -p 80';
const TABLE = 'passerelle-trace';

describe.each(['iptables', 'nftables'])('over %s', (backend) => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.set(`passerelle-live-${backend}`);
    await stage.startDaemon('--firewall-backend', backend, '--userland-proxy=false');
    await loadBusybox(stage);
    const run = (name: string, network: string, ...words: string[]): Promise<string> =>
      stage.docker('run', '-d', '--name', name, '--network', network, ...words);
    await stage.docker('network', 'create', 'lab');
    await stage.docker('network', 'create', 'other');
    await run('web', 'lab', '-p', '8080:80', 'busybox:1.36', 'sh', '-c', SERVE);
    await run('job', 'lab', 'busybox:1.36', 'sleep', '600');
    await run('far', 'other', 'busybox:1.36', 'sleep', '600');
  });

  afterAll(() => stage.close());

  const trace = (...words: readonly string[]): Promise<Outcome> =>
    runPasserelle(['trace', '--live', ...words], stage.directory, { PASSERELLE_HOST: stage.dockerHost });

  const traceJson = async (...words: readonly string[]): Promise<LiveTrace> =>
    JSON.parse((await trace('--json', ...words)).out) as LiveTrace;

  const nft = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await stage.onHost('nft', words);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    return stdout;
  };

  const isPredicted = ({ mark, predicted }: LiveStep, text: RegExp): boolean =>
    mark === 'same' && text.test(`${predicted?.kind} ${predicted?.decision} ${predicted?.rule?.text}`);

  test.each<[string, string, string, string, string, RegExp]>([
    ['one container calls another', 'job', 'web:80', 'pass', 'answered', /^rule accept /],
    ['an echo request', 'job', 'web/icmp', 'pass', 'answered', /^socket answered/],
    ['nobody listens', 'job', 'web:81', 'block', 'ECONNREFUSED', /^socket NO_SOCKET/],
    ['nobody takes a datagram', 'job', 'web:53/udp', 'block', 'ECONNREFUSED', /^socket NO_SOCKET/],
    ['nobody has the address', 'job', '172.18.0.99:80', 'block', 'EHOSTUNREACH', /^send/],
    ['another network', 'far', 'web:80', 'block', 'silence', /^rule drop /],
    ['a published port, from the host', 'host', `${HOST_ADDRESS}:8080`, 'pass', 'answered', /^rule destination NAT/],
    ['a published port, through loopback', 'host', '127.0.0.1:8080', 'pass', 'answered', /^rule destination NAT/],
    // Docker's layout keeps networks apart here too.
    backend === 'iptables'
      ? [
          'a published port, from a container',
          'far',
          `${HOST_ADDRESS}:8080`,
          'block',
          'silence',
          /^rule destination NAT/,
        ]
      : [
          'a published port, from a container',
          'far',
          `${HOST_ADDRESS}:8080`,
          'pass',
          'answered',
          /^rule destination NAT/,
        ],
    ['a published port, from its own network', 'job', `${HOST_ADDRESS}:8080`, 'pass', 'answered', /^nat source/],
    ['itself by its published port', 'web', `${HOST_ADDRESS}:8080`, 'pass', 'answered', /^rule destination NAT/],
  ])('%s: as predicted', async (_, from, to, verdict, outcome, step) => {
    const live = await traceJson('--from', from, '--to', to);
    expect(live.differences).toEqual([]);
    expect(live).toMatchObject({ agrees: true, verdict, observed: { outcome, lost: false } });
    expect(live.predicted.verdict).toBe(verdict);
    expect([...live.steps, ...live.reply].filter((its) => isPredicted(its, step))).not.toEqual([]);
    expect(await nft('list', 'tables')).not.toContain(TABLE);
  });

  test('says it in three degrees of talkativeness', async () => {
    const words = ['--from', 'host', '--to', `${HOST_ADDRESS}:8080`];
    const brief = await trace('-q', ...words);
    expect(brief).toMatchObject({ status: 0, err: '' });
    expect(brief.out).toMatch(
      /^host to 198\.51\.100\.1:8080: PASS, as predicted\n {2}predicted: .*\n {2}seen: {6}the sender gets an answer .*\n$/,
    );
    const { out } = await trace(...words);
    expect(out).toMatch(/^ {2}= host output .*destination NAT/m);
    expect(out).toMatch(/^ {2}= web eth0 +link: in by eth0$/m);
    const all = await trace('-v', ...words);
    expect(all.out).toMatch(/seen: .* 198\.51\.100\.1:\d+ > 198\.51\.100\.1:8080 tcp SYN ttl 64/);
    expect(all.out.length).toBeGreaterThan(out.length);
  });

  test('shows where the kernel does otherwise: what no rule of IP says', async () => {
    const address = await stage.docker('inspect', '-f', '{{.NetworkSettings.Networks.lab.IPAddress}}', 'web');
    const ports = await stage.onHost('ip', ['-br', 'link', 'show', 'type', 'veth']);
    const devices = [...ports.stdout.matchAll(/^(veth\w+)/gm)].map(([, name]) => `"${name}"`).join(', ');
    const drop = `ip saddr ${address} tcp sport 80 drop`;
    await nft(
      `table netdev other { chain in { type filter hook ingress devices = { ${devices} } priority 0; ${drop}; }; }`,
    );
    const { status, out } = await trace('--from', 'job', '--to', 'web:80');
    await nft('delete', 'table', 'netdev', 'other');
    expect(status).toBe(3);
    expect(out).toMatch(/^job to web:80: BLOCK, OTHER THAN PREDICTED$/m);
    expect(out).toMatch(/differs: .*gets an answer by the prediction, and really it hears nothing/);
    // It came there, and its answer was sent, but not seen again.
    expect(out).toMatch(/^ {2}= web eth0 +route: local/m);
    expect(out).toMatch(/^ {2}- host forward /m);
  });

  test('tells what could not be predicted', async () => {
    const isIptables = backend === 'iptables';
    // Wide enough for a SYN that is sent again, and for what else passes.
    const rule = isIptables
      ? 'iptables -I DOCKER-USER -m limit --limit 1/minute --limit-burst 50 -j DROP'
      : 'nft insert rule ip passerelle user limit rate 1/minute burst 50 packets drop';
    await stage.onHost('sh', ['-c', rule]);
    // The engine looks after its rules first: what it moves has other handles then.
    await sleep(2000);
    const live = await traceJson('--from', 'job', '--to', 'web:80');
    const removal = isIptables ? 'iptables -D DOCKER-USER 1' : 'nft flush chain ip passerelle user';
    await stage.onHost('sh', ['-c', removal]);
    expect(live.predicted.verdict).toBe('unknown');
    expect(live.differences).toEqual([]);
    expect(live).toMatchObject({ agrees: true, verdict: 'block', observed: { outcome: 'silence' } });
    expect(live.learned).toEqual([expect.stringMatching(/limit.*: yes$/)]);
  });

  test('sees what rules of iptables-legacy decide, and writes none', async () => {
    const onHost = async (line: string): Promise<string> => {
      const { code, stdout, stderr } = await stage.onHost('sh', ['-ec', line]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    };
    const loggers = () => onHost('cat /proc/sys/net/netfilter/nf_log/2 /proc/sys/net/netfilter/nf_log/10');
    const before = await loggers();
    await onHost('iptables-legacy -F; iptables-legacy -X');
    await onHost(
      'iptables-legacy -N SIFT; iptables-legacy -A SIFT -p udp -j ACCEPT; iptables-legacy -A SIFT -p tcp --dport 81; iptables-legacy -A FORWARD -j SIFT',
    );
    const passes = await traceJson('--from', 'job', '--to', 'web:80');
    expect(passes).toMatchObject({ agrees: true, verdict: 'pass', differences: [] });
    const legacy = ({ steps }: LiveTrace): string[] =>
      steps.flatMap(({ mark, predicted }) =>
        predicted?.rule?.variant === 'legacy' ? [`${mark} ${predicted.rule.chain} ${predicted.decision}`] : [],
      );
    expect(legacy(passes)).toEqual(['same FORWARD jump SIFT', 'same FORWARD policy accept']);
    await onHost('iptables-legacy -A SIFT -p tcp --dport 80 -j DROP');
    const blocked = await traceJson('--from', 'job', '--to', 'web:80');
    expect(blocked.differences).toEqual([]);
    expect(blocked).toMatchObject({ agrees: true, verdict: 'block', observed: { outcome: 'silence' } });
    expect(legacy(blocked)).toEqual(['same FORWARD jump SIFT', 'same SIFT drop']);
    expect(await loggers()).toBe(before);
    const rules = (await onHost('iptables-legacy-save')).match(/^-A .*$/gm);
    expect(rules).toEqual([
      '-A FORWARD -j SIFT',
      '-A SIFT -p udp -j ACCEPT',
      '-A SIFT -p tcp -m tcp --dport 81',
      '-A SIFT -p tcp -m tcp --dport 80 -j DROP',
    ]);
    await onHost('iptables-legacy -D SIFT 3');
    if (backend === 'iptables') {
      // What came last to a hook is asked first: here that was iptables-legacy.
      await onHost('iptables -I DOCKER-USER -p tcp --dport 80 -j DROP');
      const both = await traceJson('--from', 'job', '--to', 'web:80');
      expect(both).toMatchObject({ agrees: true, verdict: 'block', differences: [] });
      await onHost('iptables -D DOCKER-USER -p tcp --dport 80 -j DROP');
    }
    await onHost('iptables-legacy -F; iptables-legacy -X');
  });

  test('says what it can not send', async () => {
    expect(await trace('--to', `${HOST_ADDRESS}:8080`)).toMatchObject({
      status: 125,
      err: expect.stringContaining('no packet of world can be sent from here'),
    });
    expect(await trace('--from', 'job', '--to', 'web:80', '--state', 'invalid')).toMatchObject({
      status: 125,
      err: expect.stringContaining('invalid can only be predicted'),
    });
    expect(await trace('--to', 'web', '--snapshot', 'x')).toMatchObject({ status: 125 });
  });

  test('two at once take turns, and leave nothing behind when the daemon is killed', async () => {
    const both = await Promise.all([
      trace('-q', '--from', 'job', '--to', 'web:80'),
      trace('-q', '--from', 'host', '--to', 'web:80'),
    ]);
    expect(both.map(({ status }) => status)).toEqual([0, 0]);
    const asked = trace('--from', 'far', '--to', 'web:80');
    await expect.poll(() => nft('list', 'tables'), { interval: 5, timeout: 30_000 }).toContain(TABLE);
    await stage.stopDaemon('SIGKILL');
    await asked;
    expect(await nft('list', 'tables')).not.toContain(TABLE);
    await stage.startDaemon('--firewall-backend', backend, '--userland-proxy=false');
  });
});
