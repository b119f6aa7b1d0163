/** nftables' rules made ready to run. */
import { parseAddress } from '../../address/address.ts';
import { printStatement } from '../../firewall/nft/text.ts';
import {
  printWord,
  type Json,
  type JsonObject,
  type NftChain,
  type NftRule,
  type NftSet,
  type NftTable,
} from '../../firewall/nft/ruleset.ts';
import {
  ACCEPT,
  askOf,
  CONTINUE,
  DROP,
  MISS,
  RETURN,
  type Moment,
  type ReadyChain,
  type ReadyRule,
  type Result,
} from './machine.ts';
import { masquerade, redirect, setUp, type NatTarget } from './nat.ts';
import { readExpression, type Expression } from './nft-expression.ts';
import { compare, equals, isObject, readNumber, type NftValue } from './nft-value.ts';
import type { RulePlace } from './step.ts';

/** A statement: undefined lets the rule go on. */
type Statement = (at: Moment) => Result | undefined;

class Compiler {
  readonly #table: NftTable;
  readonly #rule: string;

  constructor(table: NftTable, rule: string) {
    this.#table = table;
    this.#rule = rule;
  }

  /** Whether something that can't be known holds. */
  #ask(at: Moment, missing: string): boolean {
    return askOf(at, this.#table.name, this.#rule, missing);
  }

  statement(json: JsonObject): Statement {
    const [kind = '', of = null] = Object.entries(json)[0] ?? [];
    switch (kind) {
      case 'match':
        return isObject(of) ? this.#match(of) : this.#doubt('what `match` means');
      case 'accept':
        return () => ACCEPT;
      case 'drop':
        return () => DROP;
      case 'return':
        return () => RETURN;
      case 'continue':
      case 'counter':
      case 'log':
      case 'comment':
      case 'set':
      case 'last':
      case 'ct helper':
      case 'ct timeout':
      case 'secmark':
        return () => undefined;
      case 'jump':
      case 'goto': {
        const result: Result = { kind, chain: isObject(of) ? printWord(of['target']) : '' };
        return () => result;
      }
      case 'reject': {
        const result: Result = { kind: 'reject', with: rejection(isObject(of) ? of : {}) };
        return () => result;
      }
      case 'vmap':
        return isObject(of) ? this.#verdicts(of) : this.#doubt('what `vmap` means');
      case 'dnat':
      case 'snat':
        return this.#translate(kind === 'dnat' ? 'destination' : 'source', isObject(of) ? of : {});
      case 'masquerade':
        return (at) => masquerade(at, range(isObject(of) ? of['port'] : undefined));
      case 'redirect':
        return (at) => redirect(at, range(isObject(of) ? of['port'] : undefined));
      case 'notrack':
        return ({ skb }) => {
          skb.state ??= 'UNTRACKED';
          return undefined;
        };
      case 'mangle':
        return isObject(of) ? this.#mangle(of) : this.#doubt('what `mangle` means');
      case 'limit':
        return this.#doubt('whether the rate of `limit` is exceeded');
      case 'xt':
        return this.#foreign(isObject(of) ? of : {});
      default:
        return this.#doubt(`what \`${kind}\` does with it`);
    }
  }

  #doubt(missing: string): Statement {
    return (at) => (this.#ask(at, missing) ? undefined : MISS);
  }

  /** Extensions of iptables, whose contents nft does not show. */
  #foreign(of: JsonObject): Statement {
    const missing = `what the iptables ${printWord(of['type'])} ${printWord(of['name'])} says (iptables-save shows it)`;
    if (of['type'] !== 'target') return this.#doubt(missing);
    return (at) => (this.#ask(at, missing) ? DROP : undefined);
  }

  #match(of: JsonObject): Statement {
    const left = this.#expression(of['left'] ?? null);
    const right = of['right'] ?? null;
    const op = printWord(of['op']);
    const missing = `whether \`${printStatement({ match: of })}\` holds`;
    const holds = this.#relation(op, right);
    return (at) => {
      const value = left(at);
      if (value === 'break') return MISS;
      const result = value === 'unknown' ? undefined : holds(value, at);
      return (result ?? this.#ask(at, missing)) ? undefined : MISS;
    };
  }

  #relation(op: string, right: Json): (value: NftValue, at: Moment) => boolean | undefined {
    const members = this.#members(right);
    if (members) {
      const contains = (value: NftValue) => {
        const elements = members();
        return elements && includes(elements, value);
      };
      return op === '!=' ? (value) => negate(contains(value)) : contains;
    }
    switch (op) {
      case '==':
        return (value) => equals(value, right);
      case '!=':
        return (value) => negate(equals(value, right));
      case 'in':
        return (value) => {
          const bits = value.kind === 'number' ? readNumber(right, value.names) : undefined;
          return bits === undefined ? undefined : ((value as { number: number }).number & bits) !== 0;
        };
      case '!':
        return (value) => {
          const bits = value.kind === 'number' ? readNumber(right, value.names) : undefined;
          return bits === undefined ? undefined : ((value as { number: number }).number & bits) === 0;
        };
      case '<':
        return (value) => order(compare(value, right), (sign) => sign < 0);
      case '>':
        return (value) => order(compare(value, right), (sign) => sign > 0);
      case '<=':
        return (value) => order(compare(value, right), (sign) => sign <= 0);
      case '>=':
        return (value) => order(compare(value, right), (sign) => sign >= 0);
      default:
        return () => undefined;
    }
  }

  /** The elements of a set or map, written in place or by its name. */
  #members(json: Json): (() => readonly Json[] | undefined) | undefined {
    if (isObject(json) && Array.isArray(json['set'])) {
      const elements = json['set'] as readonly Json[];
      return () => elements;
    }
    if (typeof json !== 'string' || !json.startsWith('@')) return undefined;
    const name = json.slice(1);
    return () => known(this.#table.sets.get(name));
  }

  #expression(json: Json): Expression {
    const map = isObject(json) ? json['map'] : undefined;
    if (isObject(map)) return () => 'unknown';
    return readExpression(json, () => undefined);
  }

  #verdicts(of: JsonObject): Statement {
    const key = this.#expression(of['key'] ?? null);
    const members = this.#members(of['data'] ?? null);
    return (at) => {
      const value = key(at);
      if (value === 'break') return MISS;
      const elements = members?.();
      const found = value === 'unknown' || !elements ? undefined : find(elements, value);
      if (found === undefined) return this.#ask(at, 'what the verdict map says') ? DROP : MISS;
      if (found === null || !isObject(found)) return MISS;
      return this.statement(found)(at) ?? CONTINUE;
    };
  }

  #translate(side: 'source' | 'destination', of: JsonObject): Statement {
    const address = this.#part(of['addr']);
    const port = this.#part(of['port']);
    return (at) => {
      const to = address(at);
      const ports = port(at);
      if (to === 'break' || ports === 'break') return MISS;
      // A map from addresses to addresses and ports gives both at once.
      const [first, second] =
        isObject(to ?? null) && Array.isArray((to as JsonObject)['concat'])
          ? ((to as JsonObject)['concat'] as readonly Json[])
          : [to, ports];
      const target = natTarget(first, second ?? ports);
      if (!target) return this.#ask(at, `where the ${side} NAT leads`) ? DROP : MISS;
      return setUp(at, side, target);
    };
  }

  /** A value written in place or taken from a map. */
  #part(json: Json | undefined): (at: Moment) => Json | undefined {
    const map = isObject(json) ? json['map'] : undefined;
    if (!isObject(map)) return () => json;
    const key = this.#expression(map['key'] ?? null);
    const members = this.#members(map['data'] ?? null);
    return (at) => {
      const value = key(at);
      if (value === 'break') return 'break';
      const elements = members?.();
      if (value === 'unknown' || !elements) return '?';
      const found = find(elements, value);
      return found === undefined ? '?' : (found ?? 'break');
    };
  }

  #mangle(of: JsonObject): Statement {
    const key = isObject(of['key']) ? of['key'] : {};
    const isMark = (part: Json | undefined) => isObject(part) && part['key'] === 'mark';
    const value = this.#markValue(of['value'] ?? null);
    if (isMark(key['meta'])) {
      return (at) => {
        const mark = value(at);
        if (mark !== undefined) at.skb.packet = { ...at.skb.packet, mark };
        return undefined;
      };
    }
    if (isMark(key['ct'])) {
      return (at) => {
        const mark = value(at);
        if (mark !== undefined && at.skb.tracked) at.skb.tracked.flow.mark = mark;
        return undefined;
      };
    }
    return () => undefined;
  }

  #markValue(json: Json): (at: Moment) => number | undefined {
    const plain = readNumber(json, undefined);
    if (plain !== undefined) return () => plain;
    const expression = this.#expression(json);
    return (at) => {
      const value = expression(at);
      return typeof value === 'object' && value.kind === 'number' ? value.number : undefined;
    };
  }
}

const negate = (value: boolean | undefined) => (value === undefined ? undefined : !value);
const order = (sign: number | undefined, test: (sign: number) => boolean) =>
  sign === undefined ? undefined : test(sign);

/** Sets whose elements come and go by themselves are known for the moment only: what they hold is not said. */
function known(set: NftSet | undefined): readonly Json[] | undefined {
  return set?.elements;
}

function includes(elements: readonly Json[], value: NftValue): boolean | undefined {
  let result: boolean | undefined = false;
  for (const element of elements) {
    const one = equals(value, element);
    if (one) return true;
    if (one === undefined) result = undefined;
  }
  return result;
}

/** Null: not in the map; undefined: can't be said. */
function find(elements: readonly Json[], value: NftValue): Json | null | undefined {
  let result: null | undefined = null;
  for (const element of elements) {
    if (!Array.isArray(element)) continue;
    const [key, data] = element as readonly Json[];
    const one = equals(value, key ?? null);
    if (one) return data ?? null;
    if (one === undefined) result = undefined;
  }
  return result;
}

function range(json: Json | undefined): { from: number; to: number } | undefined {
  if (typeof json === 'number') return { from: json, to: json };
  if (!isObject(json) || !Array.isArray(json['range'])) return undefined;
  const [from, to] = json['range'] as readonly Json[];
  return typeof from === 'number' && typeof to === 'number' ? { from, to } : undefined;
}

function natTarget(addressPart: Json | undefined, portPart: Json | undefined): NatTarget | undefined {
  const ports = range(portPart);
  if (portPart !== undefined && !ports) return undefined;
  if (addressPart === undefined) return { ports };
  const several = isObject(addressPart) && Array.isArray(addressPart['range']);
  const text = several ? ((addressPart['range'] as readonly Json[])[0] ?? '') : addressPart;
  const address = typeof text === 'string' ? parseAddress(text) : undefined;
  return address && { address, ports, assumption: several ? 'of several addresses the first is taken' : undefined };
}

const REJECTIONS: Readonly<Record<string, string>> = {
  'icmpx no-route': 'icmp-net-unreachable',
  'icmpx port-unreachable': 'icmp-port-unreachable',
  'icmpx host-unreachable': 'icmp-host-unreachable',
  'icmpx admin-prohibited': 'icmp-admin-prohibited',
};

/** In the words of iptables' REJECT. */
function rejection(of: JsonObject): string {
  const type = printWord(of['type'] ?? 'icmpx');
  if (type === 'tcp reset') return 'tcp-reset';
  const code = printWord(of['expr'] ?? 'port-unreachable');
  return REJECTIONS[`${type} ${code}`] ?? `${type === 'icmpv6' ? 'icmp6' : 'icmp'}-${code}`;
}

class ReadyNftRule implements ReadyRule {
  readonly place: RulePlace;
  readonly reason: ReadyRule['reason'];
  readonly #statements: readonly Statement[];

  constructor(table: NftTable, chain: string, rule: NftRule, index: number) {
    const text = rule.statements.map(printStatement).join(' ');
    const compiler = new Compiler(table, text);
    this.reason = rule.reason;
    this.place = {
      machinery: 'nftables',
      family: table.family,
      table: table.name,
      chain,
      index,
      ...(rule.handle !== undefined && { handle: rule.handle }),
      text,
    };
    this.#statements = rule.statements.map((statement) => compiler.statement(statement));
  }

  run(at: Moment): Result {
    for (const statement of this.#statements) {
      const result = statement(at);
      if (result) return result;
    }
    return CONTINUE;
  }
}

class ReadyNftChain implements ReadyChain {
  readonly name: string;
  readonly length: number;
  readonly #table: NftTable;
  readonly #chain: NftChain;
  readonly #rules: (ReadyRule | undefined)[] = [];

  constructor(table: NftTable, chain: NftChain) {
    this.name = chain.name;
    this.length = chain.rules.length;
    this.#table = table;
    this.#chain = chain;
  }

  next(index: number): number {
    return index;
  }

  rule(index: number): ReadyRule {
    return (this.#rules[index] ??= new ReadyNftRule(this.#table, this.name, this.#chain.rules[index]!, index));
  }
}

export function readyNftTable(table: NftTable): (name: string) => ReadyChain | undefined {
  const ready = new Map<string, ReadyChain>();
  return (name) => {
    const known = ready.get(name);
    const chain = table.chains.get(name);
    if (known || !chain) return known;
    const made = new ReadyNftChain(table, chain);
    ready.set(name, made);
    return made;
  };
}

/** Whether a rule needs connection tracking. */
export function nftNeedsTracking({ statements }: NftRule): boolean {
  return /"(ct|dnat|snat|masquerade|redirect|synproxy|ct helper|ct count)":/.test(JSON.stringify(statements));
}
