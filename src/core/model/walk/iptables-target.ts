/** Targets of iptables made ready to run. */
import type { Address } from '../../address/address.ts';
import { parseCidr } from '../../address/prefix.ts';
import type { Rule, Target } from '../../firewall/rule.ts';
import { unknown } from './iptables-match.ts';
import { ACCEPT, CONTINUE, DROP, RETURN, type Moment, type Result } from './machine.ts';
import { masquerade, parseNatTarget, redirect, setUp } from './nat.ts';

export type Act = (at: Moment) => Result;

/** Targets that change nothing a walk looks at. */
const HARMLESS = new Set([
  'CHECKSUM',
  'CLASSIFY',
  'TRACE',
  'TCPMSS',
  'AUDIT',
  'LED',
  'TOS',
  'DSCP',
  'TCPOPTSTRIP',
  'SECMARK',
  'CONNSECMARK',
  'HMARK',
  'RATEEST',
  'IDLETIMER',
  'SET',
  'ECN',
]);

export function makeAct(target: Target, rule: Rule): Act {
  switch (target.kind) {
    case 'accept':
      return () => ACCEPT;
    case 'drop':
      return () => DROP;
    case 'return':
      return () => RETURN;
    case 'none':
    case 'log':
    case 'nflog':
      return () => CONTINUE;
    case 'jump':
    case 'goto': {
      const result: Result = { kind: target.kind, chain: target.chain };
      return () => result;
    }
    case 'reject': {
      const result: Result = { kind: 'reject', with: target.with };
      return () => result;
    }
    case 'masquerade':
      return (at) => masquerade(at, target.ports);
    case 'redirect':
      return (at) => redirect(at, target.ports);
    case 'dnat':
    case 'snat': {
      const to = parseNatTarget(target.to);
      if (!to) return undecided(`where ${target.to} leads`, rule);
      const side = target.kind === 'dnat' ? 'destination' : 'source';
      return (at) => setUp(at, side, to);
    }
    case 'netmap':
      return netmap(target.to) ?? undecided(`where ${target.to} leads`, rule);
    case 'mark':
      return markAct(target.options) ?? undecided('the mark that it sets', rule);
    case 'connmark':
      return connmarkAct(target.options) ?? undecided('the mark that it sets', rule);
    case 'other':
      return otherAct(target.name, target.options, rule);
  }
}

/** A target that can't be followed: it lets the packet go on, or it ends its way. */
function undecided(missing: string, rule: Rule): Act {
  const ask = unknown(missing, rule);
  return (at) => (ask(at) ? DROP : CONTINUE);
}

function netmap(to: string): Act | undefined {
  const cidr = parseCidr(to.includes('/') ? to : `${to}/${to.includes(':') ? 128 : 32}`);
  if (!cidr) return undefined;
  const { mask, address: network } = cidr.prefix;
  return (at) => {
    const side = at.hook === 'prerouting' || at.hook === 'output' ? 'destination' : 'source';
    const old = at.skb.packet[side];
    const words = old.words.map((word, index) => ((word & ~mask[index]!) | network.words[index]!) >>> 0);
    return setUp(at, side, { address: { version: old.version, words: words as unknown as Address['words'] } });
  };
}

/** The value and mask of `--set-xmark 0x1/0xff`, `--and-mark 0xff` and so on, as one xor after one mask. */
function readMark(options: string): { readonly value: number; readonly mask: number } | undefined {
  const [option, text = ''] = options.split(' ');
  const [value = NaN, mask = 0xffffffff] = text.split('/').map(Number);
  if (Number.isNaN(value)) return undefined;
  switch (option) {
    case '--set-xmark':
      return { value, mask };
    case '--set-mark':
      return { value, mask: (mask | value) >>> 0 };
    case '--and-mark':
      return { value: 0, mask: ~value >>> 0 };
    case '--or-mark':
      return { value, mask: value };
    case '--xor-mark':
      return { value, mask: 0 };
    default:
      return undefined;
  }
}

const xmark = (old: number, { value, mask }: { value: number; mask: number }) => ((old & ~mask) ^ value) >>> 0;

function markAct(options: string): Act | undefined {
  const set = readMark(options);
  return (
    set &&
    ((at) => {
      at.skb.packet = { ...at.skb.packet, mark: xmark(at.skb.packet.mark, set) };
      return CONTINUE;
    })
  );
}

function connmarkAct(options: string): Act | undefined {
  const set = readMark(options);
  if (set) {
    return ({ skb: { tracked } }) => {
      if (tracked) tracked.flow.mark = xmark(tracked.flow.mark, set);
      return CONTINUE;
    };
  }
  const [action, ...rest] = options.split(' ');
  const value = (name: string) => Number(rest[rest.indexOf(name) + 1] ?? 0xffffffff);
  const has = (name: string) => rest.includes(name);
  const common = has('--mask') ? value('--mask') : 0xffffffff;
  const flowMask = has('--ctmask') ? value('--ctmask') : common;
  const packetMask = has('--nfmask') ? value('--nfmask') : common;
  if (action === '--save-mark') {
    return ({ skb: { tracked, packet } }) => {
      if (tracked) tracked.flow.mark = ((tracked.flow.mark & ~flowMask) ^ (packet.mark & packetMask)) >>> 0;
      return CONTINUE;
    };
  }
  if (action !== '--restore-mark') return undefined;
  return ({ skb }) => {
    const { packet, tracked } = skb;
    if (tracked) skb.packet = { ...packet, mark: ((packet.mark & ~packetMask) ^ (tracked.flow.mark & flowMask)) >>> 0 };
    return CONTINUE;
  };
}

function otherAct(name: string, options: string, rule: Rule): Act {
  if (name === 'REJECT') return () => ({ kind: 'reject', with: 'icmp-port-unreachable' });
  if (name === 'NOTRACK' || (name === 'CT' && options === '--notrack')) {
    return ({ skb }) => {
      skb.state ??= 'UNTRACKED';
      return CONTINUE;
    };
  }
  if (name === 'CT' || HARMLESS.has(name)) return () => CONTINUE;
  return undecided(`what ${name} does with it`, rule);
}
