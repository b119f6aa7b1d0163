/** Targets as iptables-save writes them, both ways. */
import { readPorts } from './match.ts';
import type { Target } from './rule.ts';
import { ports, word, words } from './word.ts';

/** From `-j` or `-g` on; empty for a rule that only counts. */
export function printTarget(target: Target): string {
  switch (target.kind) {
    case 'none':
      return '';
    case 'accept':
    case 'drop':
    case 'return':
      return `-j ${target.kind.toUpperCase()}`;
    case 'jump':
      return `-j ${word(target.chain, 'chain')}`;
    case 'goto':
      return `-g ${word(target.chain, 'chain')}`;
    case 'reject':
      return `-j REJECT --reject-with ${word(target.with, 'reject type')}`;
    case 'masquerade': {
      const range = target.ports ? ` --to-ports ${ports(target.ports, '-')}` : '';
      return `-j MASQUERADE${range}${target.random ? ` --${target.random}` : ''}`;
    }
    case 'dnat':
      return `-j DNAT --to-destination ${word(target.to, 'destination')}${options(target.flags)}`;
    case 'snat':
      return `-j SNAT --to-source ${word(target.to, 'source')}${options(target.flags)}`;
    case 'redirect':
      return `-j REDIRECT${target.ports ? ` --to-ports ${ports(target.ports, '-')}` : ''}`;
    case 'netmap':
      return `-j NETMAP --to ${word(target.to, 'prefix')}`;
    case 'mark':
    case 'connmark':
    case 'log':
    case 'nflog':
      return `-j ${target.kind.toUpperCase()}${options(target.options)}`;
    case 'other':
      return `-j ${word(target.name, 'target')}${options(target.options)}`;
  }
}

function options(text: string | undefined): string {
  return text ? ` ${words(text, 'target')}` : '';
}

/** Targets that are no chain even where a listing does not declare its chains. */
const EXTENSIONS = new Set(['NOTRACK', 'TRACE', 'QUEUE', 'NFQUEUE', 'CHECKSUM', 'CLASSIFY', 'SECMARK', 'SYNPROXY']);

/** The target named by `-j`, with its options; `isChain` tells the table's own chains. */
export function readTarget(name: string, rest: readonly string[], isChain: (name: string) => boolean): Target {
  const text = rest.join(' ');
  if (isChain(name) && text === '') return { kind: 'jump', chain: name };
  const target = readKnown(name, rest, text);
  if (target && printTarget(target) === `-j ${name}${options(text)}`) return target;
  if (text === '' && !EXTENSIONS.has(name)) return { kind: 'jump', chain: name };
  return { kind: 'other', name, options: text };
}

function readKnown(name: string, [option, value = '', ...more]: readonly string[], text: string): Target | undefined {
  switch (name) {
    case 'ACCEPT':
      return { kind: 'accept' };
    case 'DROP':
      return { kind: 'drop' };
    case 'RETURN':
      return { kind: 'return' };
    case 'REJECT':
      return { kind: 'reject', with: value };
    case 'MASQUERADE': {
      const range = option === '--to-ports' ? readPorts(value, '-') : undefined;
      const random = (range ? more[0] : option)?.slice(2) as 'random' | 'random-fully' | undefined;
      return { kind: 'masquerade', ...(range && { ports: range }), ...(random && { random }) };
    }
    case 'DNAT':
      return { kind: 'dnat', to: value, ...(more.length > 0 && { flags: more.join(' ') }) };
    case 'SNAT':
      return { kind: 'snat', to: value, ...(more.length > 0 && { flags: more.join(' ') }) };
    case 'REDIRECT': {
      const range = readPorts(value, '-');
      return { kind: 'redirect', ...(range && { ports: range }) };
    }
    case 'NETMAP':
      return { kind: 'netmap', to: value };
    case 'MARK':
      return { kind: 'mark', options: text };
    case 'CONNMARK':
      return { kind: 'connmark', options: text };
    case 'LOG':
      return { kind: 'log', options: text };
    case 'NFLOG':
      return { kind: 'nflog', options: text };
    default:
      return undefined;
  }
}
