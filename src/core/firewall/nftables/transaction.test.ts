import { describe, expect, it } from 'vitest';
import { endpointObjects, engineObjects, networkObjects } from '../../drivers/drivers.ts';
import { difference } from '../../plan/difference.ts';
import type { Desired, NftChainObject } from '../../plan/object.ts';
import { network, OPTIONS, place } from '../records.fixture.ts';
import { RuleTextError } from '../word.ts';
import { nftObjects } from './listing.ts';
import { elementsJson, isNftStep, isOfElements, nftCommands, nftDeclarations, type NftStep } from './transaction.ts';

const NFT = { ...OPTIONS, backend: 'nftables', allowDirectRouting: false } as const;
const N = network('N', 2);
const ENGINE = engineObjects(NFT);
const NETWORK = networkObjects(N, NFT);
const C1 = endpointObjects(place('c1', N, '172.18.0.2/16', ['80:80', '81:81', '127.0.0.1:82:82/udp']), NFT);
const ALL = [...ENGINE, ...NETWORK, ...C1];

const steps = (before: readonly Desired[], after: readonly Desired[]): NftStep[] =>
  difference(before, after).filter((step) => isNftStep(step));
const commands = (its: readonly NftStep[], together = true) =>
  nftCommands(its, together).map(({ command }) => (isOfElements(command) ? elementsJson(command) : command));
const T = { family: 'ip', table: 'passerelle' } as const;

describe('the commands of a change', () => {
  it('bring the elements of one set together', () => {
    expect(commands(steps([...ENGINE, ...NETWORK], ALL))).toEqual([
      {
        create: {
          element: {
            ...T,
            name: 'ports',
            elem: [
              [{ concat: ['tcp', 80] }, { concat: ['172.18.0.2', 80] }],
              [{ concat: ['tcp', 81] }, { concat: ['172.18.0.2', 81] }],
            ],
          },
        },
      },
      { create: { element: { ...T, name: 'hairpins', elem: [{ concat: ['172.18.0.2', '172.18.0.2'] }] } } },
      {
        create: {
          element: {
            ...T,
            name: 'published',
            elem: [
              { concat: ['172.18.0.2', 'tcp', 80] },
              { concat: ['172.18.0.2', 'tcp', 81] },
              { concat: ['172.18.0.2', 'udp', 82] },
            ],
          },
        },
      },
      {
        create: {
          element: {
            ...T,
            name: 'ports-at',
            elem: [[{ concat: ['127.0.0.1', 'udp', 82] }, { concat: ['172.18.0.2', 82] }]],
          },
        },
      },
      { create: { element: { ...T, name: 'loopback-ports', elem: [{ concat: ['127.0.0.1', 'udp', 82] }] } } },
      { create: { element: { ...T, name: 'protected', elem: ['172.18.0.2'] } } },
      { create: { element: { ...T, name: 'doors', elem: [{ concat: ['172.18.0.2', 'N'] }] } } },
    ]);
  });

  it('or apart, so that a refusal has one step to blame', () => {
    const its = steps([...ENGINE, ...NETWORK], ALL);
    const apart = nftCommands(its, false);
    expect(apart).toHaveLength(its.length);
    expect(apart.flatMap((command) => command.steps)).toEqual(expect.arrayContaining(its));
    for (const command of apart) expect(command.steps).toHaveLength(1);
  });

  it('give an element another value by making it anew', () => {
    const moved = endpointObjects(place('c1', N, '172.18.0.2/16', ['80:8080', '81:81', '127.0.0.1:82:82/udp']), NFT);
    const port = { concat: ['tcp', 80] };
    const its = commands(steps(ALL, [...ENGINE, ...NETWORK, ...moved]));
    expect(its).toContainEqual({ delete: { element: { ...T, name: 'ports', elem: [port] } } });
    expect(its).toContainEqual({
      create: { element: { ...T, name: 'ports', elem: [[port, { concat: ['172.18.0.2', 8080] }]] } },
    });
    expect(its.findIndex((command) => 'delete' in command)).toBeLessThan(
      its.findIndex((command) => 'create' in command),
    );
  });

  it('write the rules of a chain again when one of them differs', () => {
    const proxyless = engineObjects({ ...NFT, userlandProxy: false });
    const its = commands(steps(ENGINE, proxyless));
    const flushed = its.flatMap((command) => ('flush' in command ? [command['flush']] : []));
    expect(flushed).toEqual(['prerouting', 'output', 'postrouting'].map((name) => ({ chain: { ...T, name } })));
    const rules = proxyless
      .filter((object): object is Desired<NftChainObject> => object.kind === 'nft-chain')
      .filter(({ name }) => ['prerouting', 'output', 'postrouting'].includes(name))
      .flatMap((object) => object.rules);
    expect(its.filter((command) => 'add' in command)).toHaveLength(rules.length);
  });

  it('take a chain whose hook somebody changed away, and make it anew', () => {
    const forward = ENGINE.find((object) => object.kind === 'nft-chain' && object.name === 'forward');
    const object = forward as Desired<NftChainObject>;
    const before = { ...object, base: { ...object.base!, policy: 'drop' as const } };
    const [first, second] = commands([{ op: 'change', before, object }]);
    expect(first).toEqual({ delete: { chain: { ...T, name: 'forward' } } });
    expect(second).toMatchObject({ create: { chain: { name: 'forward', policy: 'accept' } } });
  });

  it('remove a table with all that is in it at once', () => {
    expect(commands(steps(ALL, []))).toEqual([{ delete: { table: { family: 'ip', name: 'passerelle' } } }]);
  });
});

describe('declarations', () => {
  it('are in nftables’ own language', () => {
    const lines = nftDeclarations(steps([], ENGINE)).map(({ line }) => line);
    expect(lines[0]).toBe('create table ip passerelle');
    expect(lines).toContain('create map ip passerelle entering { type ifname : verdict ; }');
    expect(lines).toContain(
      'create map ip passerelle ports { type inet_proto . inet_service : ipv4_addr . inet_service ; }',
    );
    expect(lines).toContain('create set ip passerelle hairpins { type ipv4_addr . ipv4_addr ; }');
  });

  it('take no name but a plain one', () => {
    const table = ENGINE.find((object) => object.kind === 'nft-table');
    const object = { ...table!, name: 'x; flush ruleset' } as const;
    expect(() => nftDeclarations([{ op: 'add', object }] as NftStep[])).toThrow(RuleTextError);
  });
});

describe('a listing', () => {
  it('gives the objects of the families that rules are written for', () => {
    const listing = [
      { metainfo: { version: '1.0.6' } },
      { table: { family: 'ip', name: 'passerelle', handle: 1 } },
      {
        map: {
          ...T,
          name: 'entering',
          type: 'ifname',
          map: 'verdict',
          elem: [
            ['a', { goto: { target: 'routed' } }],
            ['b', { accept: null }],
          ],
        },
      },
      {
        map: {
          ...T,
          name: 'ports',
          type: ['inet_proto', 'inet_service'],
          map: 'ipv4_addr . inet_service',
          elem: [[{ concat: ['tcp', 80] }, { concat: ['10.0.0.2', 80] }]],
        },
      },
      {
        set: {
          ...T,
          name: 'bridges',
          type: 'ifname',
          elem: ['a', { elem: { val: 'b', comment: 'x' } }, { prefix: { addr: 'c', len: 1 } }],
        },
      },
      { chain: { ...T, name: 'user' } },
      { rule: { ...T, chain: 'user', handle: 9, expr: [{ drop: null }] } },
      { table: { family: 'inet', name: 'passerelle' } },
    ];
    const element = { kind: 'nft-element', ...T } as const;
    expect(nftObjects(listing)).toEqual([
      { kind: 'nft-table', family: 'ip', name: 'passerelle' },
      { kind: 'nft-set', ...T, name: 'entering', type: ['ifname'], map: ['verdict'] },
      { ...element, set: 'entering', key: ['a'], verdict: 'goto routed' },
      { ...element, set: 'entering', key: ['b'], verdict: 'accept' },
      {
        kind: 'nft-set',
        ...T,
        name: 'ports',
        type: ['inet_proto', 'inet_service'],
        map: ['ipv4_addr', 'inet_service'],
      },
      { ...element, set: 'ports', key: ['tcp', 80], value: ['10.0.0.2', 80] },
      { kind: 'nft-set', ...T, name: 'bridges', type: ['ifname'] },
      { ...element, set: 'bridges', key: ['a'] },
      { ...element, set: 'bridges', key: ['b'] },
      { kind: 'nft-chain', ...T, name: 'user', rules: [{ handle: 9, statements: [{ drop: null }] }] },
    ]);
  });
});
