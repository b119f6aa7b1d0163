import { describe, expect, it } from 'vitest';
import type { ChainObject, Desired, RuleObject } from '../plan/object.ts';
import { ENGINE } from '../plan/owner.ts';
import { restoreScripts, type FirewallStep } from './restore.ts';
import type { Family, Table } from './rule.ts';

const reason = { owner: ENGINE, why: 'Because.' };
const chain = (name: string, more: Partial<ChainObject> = {}): Desired<ChainObject> => ({
  kind: 'chain',
  family: 'ip',
  table: 'filter',
  name,
  ...more,
  ...reason,
});

interface Choice {
  readonly family?: Family;
  readonly table?: Table;
  readonly section?: 'first' | 'head' | 'tail';
  readonly sequence?: number;
  readonly index?: number;
}

const rule = (link: string, choice: Choice = {}): Desired<RuleObject> => {
  const { family = 'ip', table = 'filter', section = 'tail', sequence = 0, index = 0 } = choice;
  return {
    kind: 'rule',
    rule: { family, table, chain: 'X', matches: [{ kind: 'in', link }], target: { kind: 'drop' } },
    position: { section, sequence, index },
    ...reason,
  };
};

const add = (object: Desired<ChainObject | RuleObject>): FirewallStep => ({ op: 'add', object });
const remove = (object: Desired<ChainObject | RuleObject>): FirewallStep => ({ op: 'remove', object });
const script = (...steps: FirewallStep[]) => restoreScripts(steps)[0]?.text.split('\n').slice(0, -1);

describe('a script', () => {
  it('is not there for nothing', () => {
    expect(restoreScripts([])).toEqual([]);
  });

  it('makes a chain without flushing one that is there', () => {
    expect(script(add(chain('X')))).toEqual(['*filter', '-N X', 'COMMIT']);
  });

  it('sets policies, and gives them back', () => {
    const policy = chain('FORWARD', { policy: 'DROP' });
    expect(script(add(policy))).toEqual(['*filter', '-P FORWARD DROP', 'COMMIT']);
    expect(script(remove(policy))).toEqual(['*filter', '-P FORWARD ACCEPT', 'COMMIT']);
  });

  it('empties a chain before it removes it', () => {
    expect(script(remove(chain('X')), remove(chain('Y')))).toEqual([
      '*filter',
      '-F X',
      '-F Y',
      '-X X',
      '-X Y',
      'COMMIT',
    ]);
  });

  it('puts rules where their positions say, whatever the order of the steps', () => {
    const steps = [
      add(rule('t2', { sequence: 2 })),
      add(rule('h1', { section: 'head', sequence: 1 })),
      add(rule('h2b', { section: 'head', sequence: 2, index: 1 })),
      add(rule('f', { section: 'first' })),
      add(rule('t1', { sequence: 1 })),
      add(rule('h2a', { section: 'head', sequence: 2, index: 0 })),
      add(chain('X')),
    ];
    expect(script(...steps)).toEqual([
      '*filter',
      '-N X',
      '-I X -i h1 -j DROP',
      '-I X -i h2b -j DROP',
      '-I X -i h2a -j DROP',
      '-I X -i f -j DROP',
      '-A X -i t1 -j DROP',
      '-A X -i t2 -j DROP',
      'COMMIT',
    ]);
  });

  it('deletes before it adds, and puts a changed rule again', () => {
    const moved = rule('a', { section: 'first' });
    expect(script({ op: 'change', object: moved, before: moved }, remove(rule('b')))).toEqual([
      '*filter',
      '-D X -i a -j DROP',
      '-D X -i b -j DROP',
      '-I X -i a -j DROP',
      'COMMIT',
    ]);
  });

  it('is one for each family, with one block for each table', () => {
    const scripts = restoreScripts([
      add(rule('a')),
      add(rule('b', { family: 'ip6' })),
      add(rule('c', { table: 'raw' })),
      add(rule('d', { table: 'nat' })),
    ]);
    expect(scripts.map(({ family, text }) => [family, text.match(/^\*.*/gm)])).toEqual([
      ['ip', ['*raw', '*nat', '*filter']],
      ['ip6', ['*filter']],
    ]);
  });

  it('knows the step of each line, and what was committed before it', () => {
    const [raw, filter] = [add(rule('c', { table: 'raw' })), add(rule('a'))];
    const its = restoreScripts([filter, raw])[0]!;
    expect(its.text).toBe('*raw\n-A X -i c -j DROP\nCOMMIT\n*filter\n-A X -i a -j DROP\nCOMMIT\n');
    expect([1, 2, 3, 5, 6].map((line) => its.stepAt(line))).toEqual([undefined, raw, undefined, filter, undefined]);
    expect(its.committedBefore(2)).toEqual([]);
    expect(its.committedBefore(3)).toEqual([]);
    expect(its.committedBefore(5)).toEqual([raw]);
    expect(its.committedBefore(6)).toEqual([raw]);
  });

  it('refuses names that would be more than a name', () => {
    expect(() => script(add(chain('X\nCOMMIT')))).toThrow(/can't stand in a firewall rule/);
    expect(() => script(add(rule('a -j ACCEPT')))).toThrow(/can't stand in a firewall rule/);
  });
});
