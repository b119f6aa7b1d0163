import { describe, expect, it } from 'vitest';
import { endpointObjects, engineObjects, networkObjects } from '../drivers/drivers.ts';
import { network, OPTIONS, place } from '../firewall/records.fixture.ts';
import { difference } from './difference.ts';
import { planJson, printPlan } from './print.ts';

const N = network('net-test', 2);
const engine = engineObjects(OPTIONS);
const created = difference(engine, [...engine, ...networkObjects(N, OPTIONS)]);

describe('a plan', () => {
  it('reads as terraform’s', () => {
    const lines = printPlan(created).split('\n');
    expect(lines.slice(0, 2)).toEqual([
      '  + bridge net-test',
      '      network net-test: The bridge that containers of net-test are plugged into, and their gateway.',
    ]);
    expect(lines).toContain('  + address 172.18.0.1/16 on net-test');
    expect(lines).toContain('  + iptables -t filter -A DOCKER-ISOLATION-STAGE-2 -o net-test -j DROP');
    expect(lines).toContain('  ~ iptables -t filter -A FORWARD -j DOCKER-USER (put to its place again)');
    expect(lines.slice(-2)).toEqual(['Plan: 11 to add, 2 to change, 0 to remove.', '']);
  });

  it('says what was, and what goes along', () => {
    const at = (gateway4: string) => endpointObjects(place('c1', N, '172.18.0.2/16', [], { gateway4 }), OPTIONS);
    expect(printPlan(difference(at('172.18.0.1'), at('172.18.0.9')))).toContain(
      '  ~ route default via 172.18.0.1 dev eth0 in c1-sandbox -> route default via 172.18.0.9 dev eth0 in c1-sandbox\n',
    );
    expect(printPlan(difference(at('172.18.0.1'), []))).toContain(
      '      with it goes address 172.18.0.2/16 on eth0 in c1-sandbox\n',
    );
  });

  it('without a step says so', () => {
    expect(printPlan([])).toBe('No changes: the host is as it would be.\n');
  });

  it('is JSON for programs', () => {
    const { summary, steps } = planJson(created);
    expect(summary).toEqual({ add: 11, change: 2, remove: 0 });
    expect(steps[0]).toEqual({
      op: 'add',
      kind: 'link',
      object: 'bridge net-test',
      owner: { kind: 'network', id: N.id, name: 'net-test' },
      why: 'The bridge that containers of net-test are plugged into, and their gateway.',
    });
    expect(steps.find(({ op }) => op === 'change')).toMatchObject({ before: expect.stringContaining('FORWARD') });
  });
});
