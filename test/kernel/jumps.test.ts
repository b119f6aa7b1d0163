/** Jumps that are moved: found at the head of a chain that is longer than what is read of it, and only where nftables has it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FirewallStep } from '../../src/core/firewall/restore.ts';
import type { Rule } from '../../src/core/firewall/rule.ts';
import { Jumps } from '../../src/linux/jumps.ts';
import { createNamespace, removeNamespace, withNamespace } from '../../src/linux/namespace.ts';
import { Nftables } from '../../src/linux/nftables.ts';

let directory: string;
let host: string;
let nft: Nftables;
let jumps: Jumps;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'moved-jumps-'));
  host = join(directory, 'host');
  createNamespace(host);
  nft = new Nftables();
  jumps = new Jumps(nft);
});
afterEach(() => {
  jumps.close();
  nft.close();
  removeNamespace(host);
  rmSync(directory, { recursive: true });
});

const foreign = (input: string, command: string, ...args: readonly string[]) =>
  execFileSync('nsenter', [`--net=${host}`, command, ...args], { encoding: 'utf8', input });

/** FORWARD with two jumps before the rules of a thousand networks. */
const fill = (variant: 'nft' | 'legacy', rules = 4000) =>
  foreign(
    [
      '*filter',
      ':C-ONE - [0:0]',
      ':C-TWO - [0:0]',
      '-A FORWARD -j C-ONE',
      '-A FORWARD -j C-TWO',
      ...Array.from({ length: rules }, (_, index) => `-A FORWARD -i br-${index} -j ACCEPT`),
      'COMMIT\n',
    ].join('\n'),
    `iptables-${variant}-restore`,
  );

function move(chain: string, rule: Partial<Rule> = {}): FirewallStep {
  const object = {
    kind: 'rule',
    rule: { family: 'ip', table: 'filter', chain: 'FORWARD', matches: [], target: { kind: 'jump', chain }, ...rule },
    position: { section: 'first', sequence: 0, index: 0 },
    owner: { kind: 'engine', id: 'test', name: 'test' },
    why: 'The test asks for it.',
  } as const;
  return { op: 'change', object, before: object };
}

const ONE = move('C-ONE');
const TWO = move('C-TWO');
const find = (...steps: readonly FirewallStep[]) => withNamespace(host, () => jumps.movedBy(steps, 'ip'));
const head = () => foreign('', 'iptables-nft', '-S', 'FORWARD').split('\n').slice(1, 4);

test('the former ones are deleted, whatever has come before them', () => {
  fill('nft');
  const moved = find(ONE, TWO);
  expect([ONE, TWO].map((step) => moved.has(step))).toEqual([true, true]);
  foreign('*filter\n-I FORWARD -j C-TWO\n-I FORWARD -j C-ONE\nCOMMIT\n', 'iptables-nft-restore', '--noflush');
  withNamespace(host, () => moved.finish([ONE, TWO]));
  expect(head()).toEqual(['-A FORWARD -j C-ONE', '-A FORWARD -j C-TWO', '-A FORWARD -i br-0 -j ACCEPT']);
});

test('one that somebody else has deleted meanwhile keeps no other from it', () => {
  fill('nft');
  const moved = find(ONE, TWO);
  foreign('', 'iptables-nft', '-D', 'FORWARD', '-j', 'C-ONE');
  withNamespace(host, () => moved.finish([ONE, TWO]));
  expect(head()[0]).toBe('-A FORWARD -i br-0 -j ACCEPT');
});

test('what is no jump without a condition, or is not there, is left to iptables', () => {
  fill('nft');
  const steps = [
    move('C-THREE'),
    move('C-ONE', { chain: 'INPUT' }),
    move('C-ONE', { table: 'nat' }),
    move('C-ONE', { matches: [{ kind: 'in', link: 'br-0' }] }),
    move('C-ONE', { target: { kind: 'accept' } }),
    { op: 'add', object: ONE.object },
  ] as const;
  const moved = find(...steps);
  expect(steps.map((step) => moved.has(step))).toEqual(steps.map(() => false));
});

test('a chain that iptables reads in no time is left to it', () => {
  fill('nft', 40);
  expect(find(ONE).has(ONE)).toBe(false);
});

test('where iptables does not stand on nftables, all is left to it', () => {
  fill('legacy');
  expect(find(ONE).has(ONE)).toBe(false);
});
