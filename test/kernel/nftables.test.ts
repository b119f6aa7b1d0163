import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNamespace, removeNamespace, withNamespace } from '../../src/linux/namespace.ts';
import { NftError, type NftCommand, Nftables } from '../../src/linux/nftables.ts';

const run = mkdtempSync(join(tmpdir(), 'c-nftables-'));
const path = join(run, 'c-nft');
const ruleset = () => execFileSync('nsenter', [`--net=${path}`, 'nft', 'list', 'ruleset'], { encoding: 'utf8' });

const nft = new Nftables();
const transact = (commands: readonly NftCommand[]) => withNamespace(path, () => nft.run(commands));

beforeAll(() => createNamespace(path));
afterAll(() => {
  nft.close();
  removeNamespace(path);
  rmSync(run, { recursive: true });
});

const table = { family: 'ip', name: 'c-table' };
const chain = { family: 'ip', table: 'c-table', name: 'output' };
const rule = (port: number, chain = 'output') => ({
  add: {
    rule: {
      family: 'ip',
      table: 'c-table',
      chain,
      expr: [
        { match: { op: '==', left: { payload: { protocol: 'udp', field: 'dport' } }, right: port } },
        { accept: null },
      ],
    },
  },
});

test('a transaction is done in the namespace that is named, and answers what it lists', () => {
  transact([{ add: { table } }, { add: { chain } }, rule(53)]);
  expect(ruleset()).toContain('udp dport 53 accept');
  const listed = transact([{ list: { chain } }]);
  expect(listed.filter((entry) => 'rule' in entry)).toHaveLength(1);
});

test('a refused transaction changes nothing and names the command', () => {
  const before = ruleset();
  const refused = () => transact([rule(54), rule(55, 'missing'), rule(56)]);
  expect(refused).toThrow(NftError);
  expect(refused).toThrow(/No such file or directory.*at command 2.*"chain":"missing"/s);
  expect(ruleset()).toBe(before);
  expect(() => transact([{ nonsense: 1 }])).toThrow(NftError);
});
