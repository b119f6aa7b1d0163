import { describe, expect, it } from 'vitest';
import { printRule } from './print.ts';
import type { Match, Rule, Target } from './rule.ts';

const rule = (matches: Match[], target: Target = { kind: 'accept' }): Rule => ({
  family: 'ip',
  table: 'filter',
  chain: 'FORWARD',
  matches,
  target,
});

const tcp = (side: 'source' | 'destination', from: number, to = from): Match => ({
  kind: 'port',
  of: 'tcp',
  side,
  range: { from, to },
});

describe('a rule is printed', () => {
  it.each<[string, Match[], string]>([
    ['with nothing to match', [], ''],
    ['with a single address as a prefix', [{ kind: 'source', prefix: '10.0.0.1' }], '-s 10.0.0.1/32 '],
    ['with a single IPv6 address as a prefix', [{ kind: 'destination', prefix: 'fd00::1' }], '-d fd00::1/128 '],
    ['without a prefix that holds everything', [{ kind: 'source', prefix: '0.0.0.0/0' }], ''],
    [
      'with its head in iptables’ order, whatever was given',
      [
        tcp('destination', 80),
        { kind: 'protocol', name: 'tcp' },
        { kind: 'out', link: 'b', not: true },
        { kind: 'in', link: 'a' },
        { kind: 'destination', prefix: '10.0.0.0/8', not: true },
        { kind: 'source', prefix: '10.0.0.0/8' },
      ],
      '-s 10.0.0.0/8 ! -d 10.0.0.0/8 -i a ! -o b -p tcp -m tcp --dport 80 ',
    ],
    [
      'with both ports under one extension',
      [tcp('source', 1, 9), tcp('destination', 80)],
      '-m tcp --sport 1:9 --dport 80 ',
    ],
    [
      'with its states in iptables’ order',
      [{ kind: 'conntrack', of: 'conntrack', states: ['ESTABLISHED', 'RELATED'] }],
      '-m conntrack --ctstate RELATED,ESTABLISHED ',
    ],
    ['with a plain comment bare', [{ kind: 'comment', text: 'a-b_c' }], '-m comment --comment a-b_c '],
    [
      'with any other comment quoted',
      [{ kind: 'comment', text: String.raw`a "b" 'c' \d` }],
      String.raw`-m comment --comment "a \"b\" \'c\' \\d" `,
    ],
  ])('%s', (_, matches, text) => {
    expect(printRule(rule(matches))).toBe(`-A FORWARD ${text}-j ACCEPT`);
  });
});

describe('nothing breaks out of its word', () => {
  it.each<[string, Match | Target]>([
    ['a link with a space', { kind: 'in', link: 'a -j ACCEPT' }],
    ['a link that looks like an option', { kind: 'in', link: '--help' }],
    ['a link with a quote', { kind: 'out', link: 'a"b' }],
    ['an empty link', { kind: 'out', link: '' }],
    ['a negation', { kind: 'out', link: '!' }],
    ['a prefix with a line feed', { kind: 'source', prefix: '10.0.0.0/8\nCOMMIT' }],
    ['a comment with a line feed', { kind: 'comment', text: 'a\n-F' }],
    ['a set with a tab', { kind: 'set', name: 'a\tb', flags: ['src'] }],
    ['a port that is none', { kind: 'port', of: 'tcp', side: 'source', range: { from: 65536, to: 65536 } }],
    ['a fraction of a port', { kind: 'port', of: 'tcp', side: 'source', range: { from: 1.5, to: 1.5 } }],
    ['text with a line feed', { kind: 'other', extension: 'owner', options: '--uid-owner 0\n-F' }],
    ['a chain with a space', { kind: 'jump', chain: 'A -j B' }],
    ['a destination with a space', { kind: 'dnat', to: '10.0.0.1 --random' }],
    ['flags with a line feed', { kind: 'dnat', to: '10.0.0.1', flags: '--random\n-F' }],
  ])('%s is refused', (_, part) => {
    const isTarget = part.kind === 'jump' || part.kind === 'dnat';
    const its = isTarget ? rule([], part) : rule([part as Match]);
    expect(() => printRule(its)).toThrow(/firewall rule|not a port/);
  });
});
