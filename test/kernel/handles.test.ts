/** Rules of iptables that are deleted by their handles: the right ones, and only where nftables has them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, type Mock, test, vi } from 'vitest';
import type { FirewallStep } from '../../src/core/firewall/restore.ts';
import type { Rule } from '../../src/core/firewall/rule.ts';
import { applyFirewall, observeFirewall } from '../../src/linux/firewall.ts';
import { RuleHandles } from '../../src/linux/handles.ts';
import { Iptables } from '../../src/linux/iptables.ts';
import { createNamespace, removeNamespace, withNamespace } from '../../src/linux/namespace.ts';

const PATH = process.env['PATH'];
let directory: string;
let host: string;
let iptables: Iptables;
let handles: RuleHandles;
let restore: Mock<Iptables['restore']>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rule-handles-'));
  host = join(directory, 'host');
  createNamespace(host);
  iptables = new Iptables();
  handles = new RuleHandles();
  restore = vi.spyOn(iptables, 'restore');
});
afterEach(() => {
  process.env['PATH'] = PATH;
  iptables.close();
  handles.close();
  removeNamespace(host);
  rmSync(directory, { recursive: true });
});

/** The plain names mean this variant. */
function use(variant: 'nft' | 'legacy'): void {
  for (const tool of ['restore', 'save'])
    for (const family of ['ip', 'ip6'])
      symlinkSync(`/usr/sbin/${family}tables-${variant}-${tool}`, join(directory, `${family}tables-${tool}`));
  process.env['PATH'] = `${directory}:${PATH}`;
}

const foreign = (input: string, command: string, ...args: readonly string[]) =>
  execFileSync('nsenter', [`--net=${host}`, command, ...args], { encoding: 'utf8', input });
const forward = (variant = 'nft') => foreign('', `iptables-${variant}`, '-S', 'FORWARD').trim().split('\n').slice(1);

const apply = (...steps: readonly FirewallStep[]) =>
  withNamespace(host, () => applyFirewall({ iptables, handles }, steps));
const observe = () => withNamespace(host, () => observeFirewall(handles, { sandboxes: [] }));
/** Whether it was done without iptables-restore. */
function withoutTool(...steps: readonly FirewallStep[]): boolean {
  restore.mockClear();
  apply(...steps);
  return restore.mock.calls.length === 0;
}

type Section = 'first' | 'head' | 'tail';

function object(rule: Partial<Rule>, section: Section = 'tail', index = 0) {
  return {
    kind: 'rule',
    rule: { family: 'ip', table: 'filter', chain: 'FORWARD', matches: [], target: { kind: 'accept' }, ...rule },
    position: section === 'head' ? { section, sequence: index, index: 0 } : { section, sequence: 0, index },
    owner: { kind: 'engine', id: 'test', name: 'test' },
    why: 'The test asks for it.',
  } as const;
}

const from = (link: string, rule: Partial<Rule> = {}) => object({ matches: [{ kind: 'in', link }], ...rule });
const add = (its: ReturnType<typeof object>): FirewallStep => ({ op: 'add', object: its });
const remove = (its: ReturnType<typeof object>): FirewallStep => ({ op: 'remove', object: its });
const jump = (chain: string, index: number) => object({ target: { kind: 'jump', chain } }, 'first', index);
const chain = (name: string): FirewallStep => {
  const { owner, why } = object({});
  return { op: 'add', object: { kind: 'chain', family: 'ip', table: 'filter', name, owner, why } };
};
const move = (its: ReturnType<typeof object>): FirewallStep => ({ op: 'change', object: its, before: its });

const rules = (command: string) =>
  [
    '*filter',
    ...Array.from({ length: 4000 }, (_, index) => `${command} INPUT -i br-${index} -j ACCEPT`),
    'COMMIT\n',
  ].join('\n');

/** FORWARD with the rules of a thousand networks. */
const fill = (variant: 'nft' | 'legacy') =>
  foreign(
    ['*filter', ...Array.from({ length: 4000 }, (_, index) => `-A FORWARD -i br-${index} -j ACCEPT`), 'COMMIT\n'].join(
      '\n',
    ),
    `iptables-${variant}-restore`,
  );

describe('on nftables', () => {
  beforeEach(() => use('nft'));

  test('what iptables-restore made is deleted by its handle, of all tables and families', () => {
    const made = [
      from('a'),
      from('b'),
      from('a', { table: 'nat', chain: 'PREROUTING' }),
      from('a', { family: 'ip6' }),
      from('c'),
    ];
    apply(...made.map(add));
    foreign('', 'iptables', '-I', 'FORWARD', '-i', 'foreign', '-j', 'DROP');
    expect(withoutTool(...made.slice(1).map(remove))).toBe(true);
    expect(forward()).toEqual(['-A FORWARD -i foreign -j DROP', '-A FORWARD -i a -j ACCEPT']);
    expect(foreign('', 'iptables', '-t', 'nat', '-S', 'PREROUTING').trim()).toBe('-P PREROUTING ACCEPT');
    expect(foreign('', 'ip6tables', '-S', 'FORWARD').trim()).toBe('-P FORWARD ACCEPT');
  });

  test('what is taken back comes and goes as before', () => {
    apply(add(from('a')), add(from('b')));
    const undo = apply(remove(from('a')));
    withNamespace(host, () => undo());
    expect(forward().toSorted()).toEqual(['-A FORWARD -i a -j ACCEPT', '-A FORWARD -i b -j ACCEPT']);
    expect(withoutTool(remove(from('a')), remove(from('b')))).toBe(true);
    expect(forward()).toEqual([]);
  });

  test('what was there before is known from a listing', () => {
    fill('nft');
    expect(withoutTool(remove(from('br-7')))).toBe(false);
    observe();
    foreign('', 'iptables', '-I', 'FORWARD', '-i', 'foreign', '-j', 'DROP');
    expect(withoutTool(remove(from('br-0')), remove(from('br-3999')))).toBe(true);
    expect(forward()).toHaveLength(3998);
    expect(forward().slice(0, 2)).toEqual(['-A FORWARD -i foreign -j DROP', '-A FORWARD -i br-1 -j ACCEPT']);
    expect(forward().at(-1)).toBe('-A FORWARD -i br-3998 -j ACCEPT');
  });

  test('of several equal rules iptables deletes the first', () => {
    apply(...[from('a'), from('b'), from('a')].map(add));
    expect(withoutTool(remove(from('a')))).toBe(false);
    expect(forward()).toEqual(['-A FORWARD -i b -j ACCEPT', '-A FORWARD -i a -j ACCEPT']);
    expect(withoutTool(remove(from('a')))).toBe(true);
  });

  test('what somebody else has deleted is no error, and keeps no other from it', () => {
    apply(add(from('a')), add(from('b')));
    foreign('', 'iptables', '-D', 'FORWARD', '-i', 'a', '-j', 'ACCEPT');
    apply(remove(from('a')), remove(from('b')));
    expect(forward()).toEqual([]);
  });

  test('handles of a table that was made anew are none of ours', () => {
    apply(...['a', 'b', 'c'].map((link) => add(from(link))));
    foreign('', 'nft', 'flush', 'ruleset');
    for (const link of ['x', 'y', 'z']) foreign('', 'iptables', '-A', 'FORWARD', '-i', link, '-j', 'ACCEPT');
    apply(remove(from('a')), remove(from('b')), remove(from('c')));
    expect(forward()).toEqual(['x', 'y', 'z'].map((link) => `-A FORWARD -i ${link} -j ACCEPT`));
  });

  test('more notices than there is room for leave nothing known', () => {
    apply(add(from('a')));
    fill('nft');
    fill('nft');
    // Nobody listened in between.
    for (let round = 0; round < 6; round += 1) {
      foreign('', 'iptables-nft', '-F', 'FORWARD');
      fill('nft');
    }
    foreign('*filter\n-A FORWARD -i a -j ACCEPT\nCOMMIT\n', 'iptables-restore', '--noflush');
    expect(withoutTool(remove(from('a')))).toBe(false);
    expect(forward()).toHaveLength(4000);
  });

  test('a move is refused if it got lost which jump was there before', () => {
    const jumps = [jump('C-ONE', 0)];
    apply(chain('C-ONE'), ...jumps.map(add));
    const original = iptables.restore.bind(iptables);
    const flood = (): void => {
      for (let round = 0; round < 12; round += 1)
        for (const command of ['-A', '-D']) foreign(rules(command), 'iptables-nft-restore', '--noflush');
    };
    restore.mockImplementationOnce((family, text) => {
      restore.mockRestore();
      const failure = original(family, text);
      flood();
      return failure;
    });
    expect(() => apply(...jumps.map(move))).toThrow('others change too many rules');
  });

  test('a jump that is put before what comes is written again, and the former one deleted', () => {
    const jumps = [jump('C-ONE', 0), jump('C-TWO', 1)];
    apply(chain('C-ONE'), chain('C-TWO'), ...jumps.map(add));
    apply(...jumps.map(move), add(object({ matches: [{ kind: 'in', link: 'a' }] }, 'head', 1)));
    const order = ['-A FORWARD -j C-ONE', '-A FORWARD -j C-TWO', '-A FORWARD -i a -j ACCEPT'];
    expect(forward()).toEqual(order);
    expect(restore.mock.calls.at(-1)?.[1]).not.toMatch(/^-D /m);
    // Somebody else has deleted one meanwhile.
    foreign('', 'iptables', '-D', 'FORWARD', '-j', 'C-ONE');
    apply(...jumps.map(move));
    expect(forward()).toEqual(order);
  });
});

test('where iptables does not stand on nftables, all is left to it', () => {
  use('legacy');
  fill('legacy');
  observe();
  apply(add(from('a')));
  expect(withoutTool(remove(from('a')), remove(from('br-7')))).toBe(false);
  expect(forward('legacy')).toHaveLength(3999);
});
