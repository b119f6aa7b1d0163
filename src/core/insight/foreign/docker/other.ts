/** Docker's rules that the classic layout does not have: before 17.12, from 28 on, and swarm's. */
import type { Rule } from '../../../firewall/rule.ts';
import { linkOf, prefixOf } from '../matches.ts';

/** Why Docker wrote the rule, with the bridge that it is about; undefined for rules of no shape known here. */
export function dockerReason(rule: Rule, nameOf: (bridge: string) => string): OtherReason | undefined {
  const shape = SHAPES[`${rule.table} ${rule.chain}`];
  const into = linkOf(rule, 'in');
  const out = linkOf(rule, 'out');
  const why = shape?.({
    rule,
    into: into?.not ? undefined : into && nameOf(into.link),
    out: out?.not ? undefined : out && nameOf(out.link),
    target: rule.target.kind === 'jump' ? rule.target.chain : rule.target.kind,
  });
  return why === undefined ? undefined : { why, bridge: out?.link ?? into?.link };
}

export interface OtherReason {
  readonly why: string;
  readonly bridge: string | undefined;
}

interface Shape {
  readonly rule: Rule;
  /** The network that a packet comes from; undefined if the rule does not say, or says which one not. */
  readonly into: string | undefined;
  /** The network that a packet goes to. */
  readonly out: string | undefined;
  /** The chain that it jumps to, or the target's name. */
  readonly target: string;
}

const SHAPES: Readonly<Record<string, (shape: Shape) => string | undefined>> = {
  'filter FORWARD': ({ target }) => {
    switch (target) {
      case 'DOCKER-FORWARD':
        return "All of Docker's rules for forwarded packets are in one chain, behind the user's own.";
      case 'DOCKER-ISOLATION':
        return 'Networks are kept apart before any rule may accept a packet, so this stands in front of all accepting rules.';
      case 'DOCKER-INGRESS':
        return "Swarm's published ports decide before the networks of this host do.";
      default:
        return undefined;
    }
  },
  'filter DOCKER-FORWARD': ({ target, into, out }) => {
    switch (target) {
      case 'DOCKER-CT':
        return 'Answers and later packets of accepted connections are let in first, as most packets are of that kind.';
      case 'DOCKER-INTERNAL':
        return 'Internal networks are closed before any rule may accept a packet.';
      case 'DOCKER-ISOLATION-STAGE-1':
        return 'Networks are kept apart before any rule may accept a packet.';
      case 'DOCKER-BRIDGE':
        return 'New connections to containers are let in only where a port is published: each bridge leads to the chain DOCKER, which drops all else.';
      case 'DOCKER-INGRESS':
        return "Swarm's published ports decide before the networks of this host do.";
      case 'accept':
        return (
          into &&
          `Containers of ${into} may reach the outside, and each other; what goes to another network was dropped before, in DOCKER.`
        );
      case 'drop':
        return into && into === out
          ? `Containers of ${into} may not talk to each other (enable_icc is off).`
          : undefined;
      default:
        return undefined;
    }
  },
  'filter DOCKER-CT': ({ target, out }) =>
    target === 'accept' && out
      ? `Answers to what containers of ${out} asked for, and later packets of accepted connections, may come in.`
      : undefined,
  'filter DOCKER-BRIDGE': ({ target, out }) =>
    target === 'DOCKER' && out
      ? `New connections to containers of ${out} are let in only where a port is published: the chain DOCKER knows which.`
      : undefined,
  'filter DOCKER': ({ target, out }) =>
    target === 'drop' && out
      ? `What nobody published is not reached: nothing else from outside may enter ${out}, from other networks neither.`
      : undefined,
  'filter DOCKER-INTERNAL': ({ rule, target, into, out }) => {
    if (target !== 'drop') return undefined;
    const from = prefixOf(rule, 'source');
    const to = prefixOf(rule, 'destination');
    if (from?.not) return `${out} is internal: nothing from outside of ${from.prefix} may enter it.`;
    return to?.not ? `${into} is internal: nothing of it may go anywhere but to ${to.prefix}.` : undefined;
  },
  'filter DOCKER-ISOLATION': ({ target, into, out }) => {
    if (target === 'return') return 'What does not go from one network to another is left to the rest of FORWARD.';
    return target === 'drop' && into && out
      ? `What comes from ${into} may not enter ${out}: networks are isolated from each other, one rule for each pair.`
      : undefined;
  },
  'filter DOCKER-INGRESS': ({ target }) =>
    target === 'return' ? "What is for none of swarm's published ports is left to the rest." : undefined,
  'nat PREROUTING': ingress,
  'nat OUTPUT': ({ rule, target, ...rest }) =>
    target === 'DOCKER_OUTPUT'
      ? "What the container sends to 127.0.0.11 goes to Docker's name server, which listens on a port of its own."
      : ingress({ rule, target, ...rest }),
  'nat POSTROUTING': ({ target }) =>
    target === 'DOCKER_POSTROUTING' ? 'Answers of the name server come from 127.0.0.11 port 53 again.' : undefined,
};

function ingress({ target }: Shape): string | undefined {
  return target === 'DOCKER-INGRESS' ? "Packets for this host may be for one of swarm's published ports." : undefined;
}
