import type { Rule } from '../../../firewall/rule.ts';
import type { Facts, NetworkFacts, SeenRule } from '../facts.ts';
import type { Check } from '../finding.ts';
import { deletion, policyProof, ruleProof, whose } from '../proof.ts';

/** Rules that drop what goes to or from containers before the engine's rules could accept it, and policies that do. */
export const forwardDrops: Check = (facts) => [...foreignDrops(facts), ...policies(facts)];

const refuses = ({ target }: Rule): boolean => target.kind === 'drop' || target.kind === 'reject';

function foreignDrops({ rules, networks }: Facts) {
  const bridges = new Set(networks.map(({ bridge }) => bridge));
  return rules
    .filter(({ rule }) => rule.family === 'ip' && rule.table === 'filter' && refuses(rule))
    .filter(({ rule, owner }) => rule.chain === 'DOCKER-USER' || (rule.chain === 'FORWARD' && isForeign(owner)))
    .filter((seen) => seen.rule.chain === 'DOCKER-USER' || comesFirst(seen, rules))
    .filter(({ rule }) => mayMeet(rule, bridges))
    .filter(({ packets, rule }) => packets !== 0 || rule.matches.length === 0)
    .map((seen) => ({
      severity: seen.packets === undefined ? ('warning' as const) : ('error' as const),
      what: `A rule of ${seen.rule.chain === 'DOCKER-USER' ? "the user's own (DOCKER-USER)" : whose(seen.owner)} drops forwarded packets before the engine is asked.`,
      proof: [ruleProof(seen)],
      first: deletion([seen]),
    }));
}

const isForeign = (owner: string): boolean => owner !== 'Passerelle' && !owner.startsWith('Docker');

/** Whether it stands before the last rule of the engine's in its chain. */
function comesFirst({ rule, number, variant }: SeenRule, rules: readonly SeenRule[]): boolean {
  const engine = rules.filter(
    (other) =>
      other.variant === variant &&
      other.rule.family === rule.family &&
      other.rule.table === rule.table &&
      other.rule.chain === rule.chain &&
      !isForeign(other.owner),
  );
  return engine.some((other) => other.number > number);
}

/** Rules that speak of other links are none of ours. */
function mayMeet({ matches }: Rule, bridges: ReadonlySet<string>): boolean {
  const links = matches.flatMap((match) => (match.kind === 'in' || match.kind === 'out' ? [match] : []));
  if (links.length === 0) return true;
  return links.some(({ link, not }) => not === true || bridges.has(link) || link.endsWith('+') || !isBridge(link));
}

const isBridge = (link: string): boolean => /^(br-|docker|virbr|lxdbr|podman|cni)/.test(link);

/** For one bridge: what ufw allows to be routed by default, it allows to everybody. */
const allowRouted = ({ bridge }: NetworkFacts): string =>
  `ufw route allow in on ${bridge} && ufw route allow out on ${bridge}`;

function policies({ rules, chains, networks, containers, engine }: Facts) {
  // Of a host of ours it is known who is on a network.
  const inUse = networks.filter(({ name }) => !engine || containers.some(({ network }) => network === name));
  return chains
    .filter(
      ({ table, name, policy, family }) =>
        family === 'ip' && table === 'filter' && name === 'FORWARD' && policy === 'DROP',
    )
    .flatMap((chain) => {
      const here = rules.filter(
        ({ rule, variant }) => variant === chain.variant && rule.family === 'ip' && rule.table === 'filter',
      );
      const spoken = new Set(
        here.flatMap(({ rule: { matches } }) =>
          matches.flatMap((match) => (match.kind === 'in' || match.kind === 'out' ? [match.link] : [])),
        ),
      );
      const lost = inUse.filter(({ bridge, internal }) => !internal && !spoken.has(bridge));
      if (lost.length === 0) return [];
      const names = lost.map(({ name }) => name);
      const isUfw = chains.some(({ name }) => name.startsWith('ufw-'));
      return [
        {
          severity: 'error' as const,
          what: `The policy of FORWARD${isUfw ? " (ufw's)" : ''} drops what no rule accepts, and no rule accepts anything of ${names.join(', ')}.`,
          proof: [policyProof(chain)],
          first: isUfw ? lost.map(allowRouted).join(' && ') : 'passerelle doctor --fix',
          concerns: { networks: names },
        },
      ];
    });
}
