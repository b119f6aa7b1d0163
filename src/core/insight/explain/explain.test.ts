import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { World } from '../../engine/world.fixture.ts';
import type { Desired, KernelObject } from '../../plan/object.ts';
import type { Entry } from './entry.ts';
import { explain } from './explain.ts';
import { readPasted } from './listing.ts';
import { printExplanation } from './print.ts';
import { select } from './select.ts';
import { explainEngine } from './snapshot.ts';

const golden = (name: string): string => join(import.meta.dirname, 'golden', name);

describe("the article's host, as Docker left it", () => {
  const { objects, problems } = readPasted(readFileSync(golden('article.save'), 'utf8'));
  const names = {
    networks: new Map([
      ['br-c43bef5f1b35', 'tc-infra-base_default'],
      ['docker0', 'bridge'],
    ]),
    containers: new Map([['172.21.0.2', 'tc-infra-base_tc-registry_1']]),
  };

  test('reads as the article does', async () => {
    expect(problems).toEqual([]);
    await expect(printExplanation(explain([], objects, names), 150)).toMatchFileSnapshot(golden('article.txt'));
  });

  test('has a reason for each rule, and none is a guess', () => {
    const rules = explain([], objects).filter(({ object }) => object.kind === 'rule');
    expect(rules).toHaveLength(26);
    expect(rules.filter(({ owner }) => !owner.name.startsWith('Docker'))).toEqual([]);
  });

  test.each([
    ['FORWARD 2', ['-A FORWARD -j DOCKER-ISOLATION-STAGE-1']],
    ['nat DOCKER 3', ['--to-destination 172.21.0.2:5000']],
    ['dport 5000 -j MASQUERADE', ['-s 172.21.0.2/32']],
    ['nothing of the kind', []],
  ])('is asked about %s', (rule, texts) => {
    const found = select(explain([], objects), { rule });
    expect(found.map(({ text }) => text)).toEqual(texts.map((text) => expect.stringContaining(text)));
  });

  test('is asked about a network or container', () => {
    const of = (selection: Parameters<typeof select>[1]): number =>
      select(explain([], objects, names), selection).length;
    expect(of({ network: 'tc-infra-base_default' })).toBe(11);
    expect(of({ container: 'tc-infra-base_tc-registry_1' })).toBe(3);
    expect(of({ network: 'other' })).toBe(0);
  });
});

describe('a host of ours', () => {
  const scene = async (): Promise<World> => {
    const world = await World.start();
    await world.network('net-test');
    await world.run('web', { network: 'net-test', ports: ['8080:80'] });
    return world;
  };
  const explained = async ({ engine }: World): Promise<readonly Entry[]> =>
    explain(engine.inspection.desired(), await engine.inspection.observed());
  const odd = (entries: readonly Entry[]): string[] =>
    entries
      .filter(({ state }) => state !== 'present')
      .map(({ state, owner, text }) => `${state} ${owner.name}: ${text}`);
  const apply = async ({ kernel }: World, op: 'add' | 'remove', object: KernelObject): Promise<void> => {
    const wanted: Desired<KernelObject> = { ...object, owner: { kind: 'engine', id: '', name: '' }, why: '' };
    await kernel.apply([{ op, object: wanted }]);
  };
  const rule = (chain: string, port: number): KernelObject => ({
    kind: 'rule',
    rule: {
      family: 'ip',
      table: 'filter',
      chain,
      matches: [
        { kind: 'protocol', name: 'tcp' },
        { kind: 'port', of: 'tcp', side: 'destination', range: { from: port, to: port } },
      ],
      target: { kind: 'drop' },
    },
    position: { section: 'tail', sequence: 0, index: 0 },
  });

  test('is as wanted', async () => {
    expect(odd(await explained(await scene()))).toEqual([]);
  });

  test('lacks what somebody removed', async () => {
    const world = await scene();
    const lost = (await world.engine.inspection.observed()).find(
      (object) => object.kind === 'rule' && object.rule.target.kind === 'dnat',
    )!;
    await apply(world, 'remove', lost);
    expect(odd(await explained(world))).toEqual([
      expect.stringMatching(/^missing web on net-test: iptables -t nat -A DOCKER .*--dport 8080/),
    ]);
  });

  test.each([
    ['DOCKER', 'stale engine: iptables -t filter -A DOCKER -p tcp -m tcp --dport 1 -j DROP'],
    ['DOCKER-USER', 'foreign user: iptables -t filter -A DOCKER-USER -p tcp -m tcp --dport 1 -j DROP'],
    ['INPUT', 'foreign unknown owner: iptables -t filter -A INPUT -p tcp -m tcp --dport 1 -j DROP'],
  ])('has a rule of another hand in %s', async (chain, told) => {
    const world = await scene();
    await apply(world, 'add', rule(chain, 1));
    expect(odd(await explained(world))).toEqual([told]);
  });

  test('gives network and container their own', async () => {
    const entries = await explained(await scene());
    const web = select(entries, { container: 'web' });
    expect(new Set(web.map(({ owner }) => owner.name))).toEqual(new Set(['web', 'web on net-test']));
    expect(select(entries, { network: 'net-test' }).length).toBeGreaterThan(web.length);
  });

  test('is told with the tables of nftables that others have beside the engine', async () => {
    const { engine } = await scene();
    const place = { family: 'inet', table: 'firewalld' };
    const objects = [
      { table: { family: 'inet', name: 'firewalld' } },
      { chain: { ...place, name: 'filter_FORWARD', type: 'filter', hook: 'forward', prio: 10, policy: 'drop' } },
      { rule: { ...place, chain: 'filter_FORWARD', expr: [{ counter: null }, { accept: null }] } },
      { table: { family: 'ip', name: 'guard' } },
      { table: { family: 'ip', name: 'passerelle' } },
    ];
    const seen = { desired: engine.inspection.desired(), observed: await engine.inspection.observed() };
    const entries = explainEngine(seen, { nft: JSON.stringify({ nftables: objects }) });
    const foreign = entries.filter(({ object }) => object.kind.startsWith('nft-'));
    expect(foreign.map(({ owner, text }) => `${owner.name}: ${text}`)).toEqual([
      'firewalld: nft table inet firewalld',
      'firewalld: nft chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy drop; }',
      'unknown owner: nft table ip guard',
    ]);
    expect(foreign[1]?.why).toContain(
      'It is asked at forward, and what it does not decide on is dropped. Its rules: counter accept.',
    );
  });

  test.each([
    ['nat', ['nat']],
    ['nat DOCKER', ['nat DOCKER']],
    ['filter', ['filter']],
    ['nat POSTROUTING 1', ['nat POSTROUTING']],
    ['MASQUERADE', ['nat POSTROUTING']],
  ])('gives the rules of %s', async (asked, places) => {
    const found = select(await explained(await scene()), { rule: asked });
    expect(found.length).toBeGreaterThan(0);
    for (const { object } of found) {
      const { table, chain } = (object as Extract<KernelObject, { readonly kind: 'rule' }>).rule;
      expect(places.some((place) => `${table} ${chain} `.startsWith(`${place} `))).toBe(true);
    }
  });
});
