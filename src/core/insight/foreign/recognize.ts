/** Who made what nobody of ours called for, and what it does. */
import { printStatement } from '../../firewall/nft/text.ts';
import type { Rule } from '../../firewall/rule.ts';
import { key } from '../../plan/key.ts';
import type { KernelObject, NftChainObject, Reason } from '../../plan/object.ts';
import { classicReasons } from './docker/classic.ts';
import { infer, NO_NAMES, type Inferred, type Names } from './docker/infer.ts';
import { dockerReason } from './docker/other.ts';
import { programOfChain, programOfComment, programOfLink, programOfTable, type Recognized } from './programs.ts';
import { sentence } from './sentence.ts';

export interface Foreign {
  /** `Docker`, `ufw`, … or `unknown owner`. */
  readonly program: string;
  /** What of the program's it belongs to: `network br-0123456789ab`. */
  readonly part?: string;
  readonly why: string;
}

export const UNKNOWN = 'unknown owner';
export const HOSTS_OWN = 'the host';

/** Chains that every table has: who writes there signs by what it jumps to, by a comment, or not at all. */
const BUILT_IN = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']);

/** Says of each object whose it is. `observed` is all that was found and that nobody of ours called for. */
export class Recognizer {
  readonly #inferred: Inferred;
  readonly #classic: ReadonlyMap<string, Reason>;
  readonly #hasDocker: boolean;
  readonly #hasUfw: boolean;

  constructor(observed: readonly KernelObject[], names: Names = NO_NAMES) {
    const rules = observed.flatMap((object) => (object.kind === 'rule' ? [object.rule] : []));
    this.#inferred = infer(rules, names);
    this.#classic = classicReasons(this.#inferred);
    const chains = new Set(observed.flatMap((object) => (object.kind === 'chain' ? [object.name] : [])));
    this.#hasDocker = chains.has('DOCKER');
    this.#hasUfw = chains.has('ufw-before-forward') || chains.has('ufw-user-forward');
  }

  recognize(object: KernelObject): Foreign {
    switch (object.kind) {
      case 'rule':
        return this.#rule(object.rule, key(object));
      case 'chain':
        return object.policy
          ? this.#policy(object.name, object.policy, key(object))
          : this.#chain(object.name, key(object));
      case 'nft-table':
        return named(programOfTable(object.name), `A table of nftables, ${object.family} ${object.name}.`);
      case 'nft-chain':
        return named(programOfTable(object.table), chainSentence(object));
      case 'nft-set':
      case 'nft-element': {
        const what = object.kind === 'nft-element' ? `an element of ${object.set}` : `the set ${object.name}`;
        return named(programOfTable(object.table), `In the table ${object.family} ${object.table}: ${what}.`);
      }
      case 'link':
      case 'address':
      case 'route': {
        return this.#link(object.kind, object.kind === 'link' ? object.name : object.link);
      }
      case 'namespace':
        return { program: UNKNOWN, why: 'A network namespace that no record calls for.' };
      case 'sysctl':
        return { program: UNKNOWN, why: 'A setting of the host.' };
    }
  }

  #rule(rule: Rule, its: string): Foreign {
    if (this.#hasDocker && rule.chain !== 'DOCKER-USER') {
      const reason = this.#classic.get(its);
      if (reason) return docker(reason);
      const other = dockerReason(rule, (bridge) => this.#inferred.networks.get(bridge)?.name ?? bridge);
      if (other) {
        const network = other.bridge && this.#inferred.networks.get(other.bridge);
        return { program: 'Docker', ...(network && { part: `network ${network.name}` }), why: other.why };
      }
    }
    const effect = sentence(rule);
    if (rule.chain === 'DOCKER-USER') {
      const returns = rule.matches.length === 0 && rule.target.kind === 'return';
      return returns
        ? { program: 'Docker', why: 'What the user has not decided on is left to the rest of FORWARD.' }
        : { program: 'user', why: `${effect} Docker leaves this chain to you, and asks it before its own rules.` };
    }
    if (!BUILT_IN.has(rule.chain)) {
      const found = programOfChain(rule.chain);
      return found ? { program: found.program, why: `${effect} It is part of ${found.what}.` } : unknown(effect);
    }
    const comment = rule.matches.find((match) => match.kind === 'comment');
    const signed = comment && programOfComment(comment.text);
    if (signed) return { program: signed, why: effect };
    const { target } = rule;
    if (target.kind === 'jump' || target.kind === 'goto') {
      const found = programOfChain(target.chain);
      if (found) return { program: found.program, why: `${effect} That chain holds ${found.what}.` };
    }
    return this.#byLink(rule, effect) ?? unknown(comment ? `${effect} Its comment: ${comment.text}` : effect);
  }

  /** Programs that write into built-in chains and leave no other mark. */
  #byLink({ matches }: Rule, effect: string): Foreign | undefined {
    for (const match of matches) {
      if (match.kind !== 'in' && match.kind !== 'out') continue;
      const found = programOfLink(match.link);
      if (found?.program === 'libvirt') return { program: found.program, why: `${effect} It is about ${found.what}.` };
      if (found?.program === 'Docker' && this.#hasDocker) {
        return { program: found.program, part: `network ${match.link}`, why: `${effect} It is about ${found.what}.` };
      }
    }
    return undefined;
  }

  #chain(name: string, its: string): Foreign {
    const reason = this.#hasDocker ? this.#classic.get(its) : undefined;
    if (reason) return docker(reason);
    const found = programOfChain(name);
    return found
      ? { program: found.program, why: `${upperFirst(found.what)}.` }
      : unknown('A chain that no program known here makes.');
  }

  #policy(name: string, policy: string, its: string): Foreign {
    if (policy === 'ACCEPT') return unknown(`What no rule of ${name} decides on is accepted: so the kernel starts.`);
    const why = `What no rule of ${name} decides on is dropped.`;
    if (this.#hasUfw) return { program: 'ufw', why: `${why} It is ufw's default policy (\`ufw status verbose\`).` };
    const reason = this.#hasDocker && name === 'FORWARD' ? this.#classic.get(its) : undefined;
    return reason ? docker(reason) : unknown(why);
  }

  #link(kind: keyof typeof BRIDGE, name: string): Foreign {
    const network = this.#inferred.networks.get(name);
    if (network) return { program: 'Docker', part: `network ${network.name}`, why: BRIDGE[kind](network.name) };
    const found = programOfLink(name);
    return found
      ? { program: found.program, why: `${upperFirst(found.what)}.` }
      : { program: HOSTS_OWN, why: "The host's own." };
  }
}

/** What a chain of nftables does: where it is asked, and its rules in nftables' own words. */
function chainSentence({ base, rules }: NftChainObject): string {
  const rest = base?.policy === 'drop' ? 'dropped' : 'accepted';
  const asked = base ? `It is asked at ${base.hook}, and what it does not decide on is ${rest}.` : '';
  const texts = rules.map(({ statements }) => statements.map(printStatement).join(' '));
  const told = texts.length > 0 ? `Its rules: ${texts.join('; ')}.` : 'It has no rules.';
  return [asked, told].filter((part) => part !== '').join(' ');
}

/** What a network's bridge, its address and the route to it are there for. */
const BRIDGE = {
  link: (network: string) => `The bridge that containers of ${network} are plugged into, and their gateway.`,
  address: (network: string) => `The gateway of ${network}'s containers.`,
  route: (network: string) => `Packets for containers of ${network} go to its bridge.`,
} as const;

function docker({ owner, why }: Reason): Foreign {
  return { program: 'Docker', ...(owner.kind !== 'engine' && { part: `${PARTS[owner.kind]}${owner.name}` }), why };
}

const PARTS = { network: 'network ', endpoint: 'container ', sandbox: 'container ' } as const;

function named(found: Recognized | undefined, effect: string): Foreign {
  return found ? { program: found.program, why: `${effect} It is ${found.what}.` } : unknown(effect);
}

const unknown = (why: string): Foreign => ({ program: UNKNOWN, why });

const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
