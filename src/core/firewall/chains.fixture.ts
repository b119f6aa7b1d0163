/** A firewall in memory that does what iptables-restore --noflush does with its commands. */
import type { ChainObject, KernelObject, RuleObject } from '../plan/object.ts';
import { parseListing } from './parse.ts';
import { restoreScripts, type FirewallStep, type RestoreScript } from './restore.ts';
import type { Family } from './rule.ts';

const BUILT_IN = [
  ['raw', 'PREROUTING OUTPUT'],
  ['mangle', 'PREROUTING INPUT FORWARD OUTPUT POSTROUTING'],
  ['nat', 'PREROUTING INPUT OUTPUT POSTROUTING'],
  ['filter', 'INPUT FORWARD OUTPUT'],
] as const;

export class Chains {
  /** `family table chain` -> the rules, as `iptables-save` lists them. */
  readonly rules = new Map<string, string[]>();
  readonly policies = new Map<string, string>();

  constructor() {
    for (const family of ['ip', 'ip6']) {
      for (const [table, chains] of BUILT_IN) {
        for (const chain of chains.split(' ')) {
          this.rules.set(`${family} ${table} ${chain}`, []);
          this.policies.set(`${family} ${table} ${chain}`, 'ACCEPT');
        }
      }
    }
  }

  apply(steps: readonly FirewallStep[]): void {
    for (const script of restoreScripts(steps)) this.restore(script);
  }

  restore({ family, text }: Pick<RestoreScript, 'family' | 'text'>): void {
    let table = '';
    for (const line of text.split('\n')) {
      if (line === '' || line === 'COMMIT') continue;
      if (line.startsWith('*')) table = line.slice(1);
      else this.#command(`${family} ${table}`, line);
    }
  }

  list(chain: string): readonly string[] {
    return this.rules.get(chain) ?? [];
  }

  #command(table: string, line: string): void {
    const [, command = '', chain = '', rest = ''] = /^(-\w) (\S+) ?(.*)$/.exec(line) ?? [];
    const its = `${table} ${chain}`;
    const rules = this.rules.get(its);
    if (command === '-N') {
      if (rules) throw new Error(`Chain already exists: ${line}`);
      this.rules.set(its, []);
      return;
    }
    if (!rules) throw new Error(`No chain: ${line}`);
    const rule = `-A ${chain}${rest && ` ${rest}`}`;
    const index = rules.indexOf(rule);
    switch (command) {
      case '-I':
        rules.unshift(rule);
        break;
      case '-A':
        rules.push(rule);
        break;
      case '-D':
        if (index < 0) throw new Error(`Bad rule (does a matching rule exist in that chain?): ${line}`);
        rules.splice(index, 1);
        break;
      case '-F':
        rules.length = 0;
        break;
      case '-X':
        if (rules.length > 0) throw new Error(`Directory not empty: ${line}`);
        if (this.#isReferenced(table, chain)) throw new Error(`Too many links: ${line}`);
        this.rules.delete(its);
        break;
      case '-P':
        this.policies.set(its, rest);
        break;
      default:
        throw new Error(`Unknown command: ${line}`);
    }
  }

  #isReferenced(table: string, chain: string): boolean {
    const jump = new RegExp(` -[jg] ${chain}$`);
    return [...this.rules].some(([its, rules]) => its.startsWith(`${table} `) && rules.some((rule) => jump.test(rule)));
  }

  /** What `Kernel.observe` would tell. */
  observe(): KernelObject[] {
    const objects: KernelObject[] = [];
    for (const [its, rules] of this.rules) {
      const [family, table, name] = its.split(' ') as [Family, 'filter', string];
      const policy = this.policies.get(its);
      const chain: ChainObject = { kind: 'chain', family, table, name, ...(policy && { policy: policy as 'DROP' }) };
      objects.push(chain);
      const declared = [...this.rules.keys()].filter((other) => other.startsWith(`${family} ${table} `));
      const chains = declared.map((other) => `:${other.split(' ')[2]} - [0:0]\n`).join('');
      const { tables, problems } = parseListing(`*${table}\n${chains}${rules.join('\n')}\nCOMMIT\n`, family);
      if (problems.length > 0) throw new Error(problems[0]!.message);
      for (const [index, { rule }] of tables[0]!.rules.entries()) {
        const object: RuleObject = { kind: 'rule', rule, position: { section: 'tail', sequence: 0, index } };
        objects.push(object);
      }
    }
    return objects.toSorted((a, b) => Number(a.kind === 'rule') - Number(b.kind === 'rule'));
  }
}
