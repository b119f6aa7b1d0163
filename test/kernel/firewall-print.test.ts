/** What we write, the real iptables-restore takes, and iptables-save prints back as we predicted: nftables and legacy. */
import { execFileSync, spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endpointObjects, engineObjects, networkObjects } from '../../src/core/drivers/drivers.ts';
import { Chains } from '../../src/core/firewall/chains.fixture.ts';
import { parseListing, printListing } from '../../src/core/firewall/parse.ts';
import { network, OPTIONS, place } from '../../src/core/firewall/records.fixture.ts';
import { restoreScripts, type FirewallStep } from '../../src/core/firewall/restore.ts';
import type { Family } from '../../src/core/firewall/rule.ts';
import { difference } from '../../src/core/plan/difference.ts';
import type { Desired } from '../../src/core/plan/object.ts';
import { undo, type Step } from '../../src/core/plan/step.ts';

const namespace = `passerelle-firewall-${process.pid}`;
const options = { ...OPTIONS, ip6tables: true, allowDirectRouting: false };

const N = network('br-n', 2, {
  enableIPv6: true,
  bridge: { icc: false, trustedInterfaces: ['eth1'] },
  subnets: [
    { subnet: '172.18.0.0/16', gateway: '172.18.0.1' },
    { subnet: 'fd00:b::/64', gateway: 'fd00:b::1' },
  ],
});
const I = network('br-i', 3, { internal: true, bridge: { hostIpv4: '192.0.2.1' } });
const S = network('br-s', 4, { bridge: { hostIpv4: '192.0.2.1', gatewayMode4: 'nat-unprotected' } });
const R = network('br-r', 5, { bridge: { gatewayMode4: 'routed' } });
const C = place('c1', N, '172.18.0.2/16', ['8080:80', '8081:80', '127.0.0.1:90:90/udp', '91:91/sctp', '[::]:8080:80'], {
  ipv6: 'fd00:b::2/64',
});

const engine = engineObjects(options);
const everything: readonly Desired[] = [
  ...engine,
  ...[network('docker0', 1), N, I, S, R].flatMap((its) => networkObjects(its, options)),
  ...endpointObjects(C, options),
  ...endpointObjects(place('c2', R, '172.21.0.2/16', ['80:80']), options),
];

const firewall = (steps: readonly Step[]) =>
  steps.filter(({ object }) => object.kind === 'rule' || object.kind === 'chain') as FirewallStep[];

describe.each(['nft', 'legacy'])('iptables-%s', (variant) => {
  beforeEach(() => void execFileSync('ip', ['netns', 'add', namespace]));
  afterEach(() => void execFileSync('ip', ['netns', 'delete', namespace]));

  const tool = (family: Family, action: 'save' | 'restore') =>
    `${family === 'ip' ? 'iptables' : 'ip6tables'}-${variant}-${action}`;
  const inside = (...command: string[]) => [`--net=/run/netns/${namespace}`, ...command];

  function apply(steps: readonly FirewallStep[]): void {
    for (const { family, text } of restoreScripts(steps)) {
      const { status, stderr } = spawnSync('nsenter', inside(tool(family, 'restore'), '--noflush'), {
        input: text,
        encoding: 'utf8',
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    }
  }

  /** `family table chain` -> rules, of the chains that have some. */
  function save(): Record<string, string[]> {
    const rules: Record<string, string[]> = {};
    for (const family of ['ip', 'ip6'] as const) {
      const text = execFileSync('nsenter', inside(tool(family, 'save')), { encoding: 'utf8' });
      const { tables, problems } = parseListing(text, family);
      expect(problems).toEqual([]);
      expect(printListing(tables)).toBe(text.replaceAll(/^#.*\n/gm, ''));
      let table = '';
      for (const line of text.split('\n')) {
        if (line.startsWith('*')) table = line.slice(1);
        if (line.startsWith('-A')) (rules[`${family} ${table} ${line.split(' ')[1]}`] ??= []).push(line);
      }
    }
    return rules;
  }

  const predicted = (chains: Chains) => Object.fromEntries([...chains.rules].filter(([, rules]) => rules.length > 0));

  it('takes the whole layout, gives back the same text, and lets go of it again', () => {
    const chains = new Chains();
    const base = firewall(difference([], engine));
    chains.apply(base);
    apply(base);
    execFileSync('nsenter', inside(`iptables-${variant}`, '-I', 'FORWARD', '-i', 'foreign', '-j', 'ACCEPT'));
    chains.rules.get('ip filter FORWARD')!.unshift('-A FORWARD -i foreign -j ACCEPT');

    const steps = firewall(difference(engine, everything));
    chains.apply(steps);
    apply(steps);
    expect(save()).toEqual(predicted(chains));

    const back = undo(steps);
    chains.apply(back);
    apply(back);
    expect(save()).toEqual(predicted(chains));

    const end = firewall(difference(engine, []));
    apply(end);
    expect(save()).toEqual({ 'ip filter FORWARD': ['-A FORWARD -i foreign -j ACCEPT'] });
  });
});
