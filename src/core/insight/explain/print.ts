/** Explanations for people: a table for each owner, the objects at the left and their reasons at the right. */
import { printSpecification } from '../../firewall/print.ts';
import { groupBy } from '../../plan/group.ts';
import type { HostObject } from '../../plan/object.ts';
import { columns } from '../columns.ts';
import { HOSTS_OWN, UNKNOWN } from '../foreign/recognize.ts';
import type { Entry, EntryOwner, EntryState } from './entry.ts';

const KINDS: readonly HostObject['kind'][] = [
  'namespace',
  'link',
  'address',
  'route',
  'sysctl',
  'nft-table',
  'nft-set',
  'nft-chain',
  'nft-element',
  'chain',
  'rule',
  'listener',
  'resolver',
];
const OWNERS = ['engine', 'network', 'sandbox', 'endpoint', 'foreign'] as const satisfies readonly EntryOwner['kind'][];
const TABLES = ['raw', 'mangle', 'nat', 'filter', 'security'];

/** What stands before an object that is not as it should be. */
const MARKS: Readonly<Record<EntryState, string>> = {
  present: '',
  foreign: '',
  missing: 'MISSING ',
  different: 'DIFFERENT ',
  stale: 'STALE ',
};

/** `width`: columns of the terminal. Every line ends in a line feed. */
export function printExplanation(entries: readonly Entry[], width: number): string {
  if (entries.length === 0) return 'Nothing here is explained by that name.\n';
  const groups = groupBy(entries.toSorted(byOwner), ({ owner }) => `${owner.kind} ${owner.name}`);
  return [...groups.values()].map((group) => printGroup(group, width)).join('\n');
}

function printGroup(group: readonly Entry[], width: number): string {
  const { kind, name } = group[0]!.owner;
  const heading = kind === 'foreign' ? name : kind === 'engine' ? 'engine' : `${kind} ${name}`;
  const rows = group.toSorted(byPlace).map((entry) => [label(entry), reason(entry)] as const);
  return `${heading}\n${columns(rows, width, 2)}`;
}

function label({ object, text, number, state }: Entry): string {
  if (object.kind !== 'rule') return MARKS[state] + text;
  const { rule } = object;
  const table = rule.family === 'ip6' ? `ip6 ${rule.table}` : rule.table;
  const its = number === undefined ? rule.chain : `${rule.chain} ${number}`;
  const specification = printSpecification(rule).slice(rule.chain.length + 1);
  return `${MARKS[state]}${table} ${its}: ${specification || '(only counts)'}`;
}

function reason({ why, found }: Entry): string {
  return found === undefined ? why : `${why} There is instead: ${found}`;
}

/** Among foreign programs by their names; what nobody is known for comes last. */
function byOwner({ owner: a }: Entry, { owner: b }: Entry): number {
  const byKind = OWNERS.indexOf(a.kind) - OWNERS.indexOf(b.kind);
  if (byKind !== 0 || a.kind !== 'foreign') return byKind;
  const rank = (name: string): string => `${name === HOSTS_OWN ? 1 : name === UNKNOWN ? 2 : 0}${name}`;
  return rank(a.name).localeCompare(rank(b.name));
}

function byPlace(a: Entry, b: Entry): number {
  const byKind = KINDS.indexOf(a.object.kind) - KINDS.indexOf(b.object.kind);
  if (byKind !== 0 || a.object.kind !== 'rule' || b.object.kind !== 'rule') return byKind;
  const { table } = a.object.rule;
  return TABLES.indexOf(table) - TABLES.indexOf(b.object.rule.table);
}
