import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRuleset } from './parse.ts';
import { printRuleset } from './print.ts';
import { printStatement } from './text.ts';

/** As nft 1.0.6 prints it. */
const LISTING = `{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, {"table": {"family": "ip", "name": "web", "handle": 3}}, {"map": {"family": "ip", "name": "doors", "table": "web", "type": "inet_service", "handle": 2, "map": "verdict", "elem": [[80, {"jump": {"target": "in"}}], [{"range": [8000, 8010]}, {"drop": null}]]}}, {"set": {"family": "ip", "name": "friends", "table": "web", "type": "ipv4_addr", "handle": 4, "flags": ["interval"], "elem": [{"prefix": {"addr": "10.0.0.0", "len": 8}}, "192.0.2.1"]}}, {"chain": {"family": "ip", "table": "web", "name": "in", "handle": 1}}, {"chain": {"family": "ip", "table": "web", "name": "pre", "handle": 5, "type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"}}, {"rule": {"family": "ip", "table": "web", "chain": "pre", "handle": 6, "comment": "the \\"web\\"", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@friends"}}, {"counter": {"packets": 12, "bytes": 900}}, {"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": "@doors"}}]}}]}
`;

describe('a listing of nft', () => {
  const { ruleset, objects, problems } = parseRuleset(LISTING);
  const table = ruleset.tables[0]!;

  test('is read by table, chain and rule', () => {
    expect(problems).toEqual([]);
    expect(ruleset.tables.map(({ family, name }) => `${family} ${name}`)).toEqual(['ip web']);
    expect(table.chains.get('pre')?.base).toEqual({
      type: 'nat',
      hook: 'prerouting',
      priority: -100,
      policy: 'accept',
    });
    expect(table.chains.get('pre')?.rules[0]).toMatchObject({ handle: 6, comment: 'the "web"' });
    expect(table.sets.get('friends')?.elements).toHaveLength(2);
    expect(table.sets.get('doors')?.isMap).toBe(true);
  });

  test('is printed as it was', () => {
    expect(printRuleset(objects)).toBe(LISTING);
  });

  test('is told in its own language', () => {
    const rule = table.chains.get('pre')!.rules[0]!;
    expect(rule.statements.map(printStatement).join(' ')).toBe('ip saddr @friends counter tcp dport vmap @doors');
  });
});

describe('what is no listing', () => {
  test.each([
    ['', 'expected JSON'],
    ['[]', 'expected an object with the list "nftables"'],
    ['{"nftables": {}}', 'expected an object with the list "nftables"'],
    ['{"nftables": [3]}', 'expected an object, found 3'],
    ['{"nftables": [{"table": {"family": "ipx", "name": "a"}}]}', 'expected a family, found ipx'],
    ['{"nftables": [{"chain": {"family": "ip", "table": "a", "name": "b"}}]}', 'expected the table ip a before'],
    [LISTING.slice(0, 400), 'expected JSON'],
  ])('%s is told of: %s', (text, message) => {
    expect(parseRuleset(text).problems[0]?.message).toContain(message);
  });

  test('one bad object does not hide the others', () => {
    const text = LISTING.replace(
      '"table": "web", "chain": "pre", "handle": 6',
      '"table": "web", "chain": "gone", "handle": 6',
    );
    const { ruleset, problems } = parseRuleset(text);
    expect(problems).toEqual([{ line: 7, message: 'expected the chain gone before its rule' }]);
    expect(ruleset.tables[0]?.chains.size).toBe(2);
  });

  test('any text gives a result or a problem that says where', () => {
    const near = fc
      .tuple(fc.nat(LISTING.length), fc.nat(40), fc.string())
      .map(([at, length, other]) => LISTING.slice(0, at) + other + LISTING.slice(at + length));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), near), (text) => {
        const { ruleset, problems } = parseRuleset(text);
        expect(ruleset.tables.length + problems.length).toBeGreaterThanOrEqual(0);
        for (const { line } of problems) expect(line).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
