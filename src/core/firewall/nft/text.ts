/** nftables' statements in its own language, for people to read: `ip saddr 10.0.0.0/8 tcp dport 80 accept`. */
import { printWord, type Json, type JsonObject } from './ruleset.ts';

const isObject = (json: Json | undefined): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

export function printStatement(statement: JsonObject): string {
  const [kind = '', of = null] = Object.entries(statement)[0] ?? [];
  if (!isObject(of)) return kind;
  switch (kind) {
    case 'match': {
      const op = of['op'] === '==' || of['op'] === 'in' ? '' : `${printWord(of['op'])} `;
      return `${printExpression(of['left'] ?? null)} ${op}${printExpression(of['right'] ?? null)}`;
    }
    case 'counter':
      return 'counter';
    case 'jump':
    case 'goto':
      return `${kind} ${printWord(of['target'])}`;
    case 'dnat':
    case 'snat': {
      const address = of['addr'] === undefined ? '' : printExpression(of['addr']);
      const port = of['port'] === undefined ? '' : `:${printExpression(of['port'])}`;
      return `${kind} to ${address}${port}`;
    }
    case 'masquerade':
    case 'redirect':
      return of['port'] === undefined ? kind : `${kind} to :${printExpression(of['port'])}`;
    case 'reject':
      return of['type'] === undefined
        ? 'reject'
        : `reject with ${printWord(of['type'])} ${printWord(of['expr'] ?? '')}`.trim();
    case 'vmap':
      return `${printExpression(of['key'] ?? null)} vmap ${printExpression(of['data'] ?? null)}`;
    case 'mangle':
      return `${printExpression(of['key'] ?? null)} set ${printExpression(of['value'] ?? null)}`;
    case 'log':
      return 'log';
    case 'limit':
      return `limit rate ${printWord(of['rate'])}/${printWord(of['per'])}`;
    case 'xt':
      return `xt ${printWord(of['type'])} ${printWord(of['name'])}`;
    default:
      return `${kind} ${JSON.stringify(of)}`;
  }
}

function printExpression(json: Json): string {
  if (Array.isArray(json)) return (json as readonly Json[]).map(printExpression).join(',');
  if (!isObject(json)) return typeof json === 'string' && /[*\s]/.test(json) ? `"${json}"` : printWord(json);
  const [kind = '', of = null] = Object.entries(json)[0] ?? [];
  const list = Array.isArray(of) ? (of as readonly Json[]) : [];
  switch (kind) {
    case 'set':
      return `{ ${list.map(printElement).join(', ')} }`;
    case 'range':
      return list.map(printExpression).join('-');
    case 'concat':
      return list.map(printExpression).join(' . ');
    case '&':
    case '|':
    case '^':
    case '<<':
    case '>>':
      return list.map(printExpression).join(` ${kind} `);
    default:
      break;
  }
  if (!isObject(of)) return JSON.stringify(json);
  switch (kind) {
    case 'payload':
      return of['protocol'] === undefined
        ? `@${printWord(of['base'])}`
        : `${printWord(of['protocol'])} ${printWord(of['field'])}`;
    case 'meta':
      return ['iifname', 'oifname', 'iif', 'oif'].includes(printWord(of['key']))
        ? printWord(of['key'])
        : `meta ${printWord(of['key'])}`;
    case 'ct':
      return ['ct', of['dir'], of['family'], of['key']]
        .filter((part) => part !== undefined)
        .map(printWord)
        .join(' ');
    case 'fib':
      return `fib ${printFlags(of['flags'])} ${printWord(of['result'])}`;
    case 'prefix':
      return `${printExpression(of['addr'] ?? null)}/${printWord(of['len'])}`;
    case 'map':
      return `${printExpression(of['key'] ?? null)} map ${printExpression(of['data'] ?? null)}`;
    case 'elem':
      return printExpression(of['val'] ?? null);
    default:
      return JSON.stringify(json);
  }
}

function printFlags(flags: Json | undefined): string {
  return Array.isArray(flags) ? (flags as readonly Json[]).map(printWord).join(' . ') : printWord(flags);
}

function printElement(element: Json): string {
  if (!Array.isArray(element)) return printExpression(element);
  const [key = null, value = null] = element as readonly Json[];
  return `${printExpression(key)} : ${isObject(value) ? printStatement(value) : printExpression(value)}`;
}
