import { printAddress } from '../../../address/address.ts';
import { RESOLVER_ADDRESS } from '../../../engine/etc.ts';
import type { LinuxNamespace } from '../../../model/linux.ts';
import type { Upstream } from '../../../engine/names.ts';
import { UDP } from '../../../model/walk/packet.ts';
import { groupBy } from '../../../plan/group.ts';
import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { endProof, endRemedy, walked } from '../walked.ts';

/**
 * Containers on networks of their own find each other through a name server, on a port that port 53 is led
 * to; what it does not know, it asks others.
 */
export const names: Check = (facts) => [...own(facts), ...others(facts)];

function own({ containers, entries }: Facts): ReturnType<Check> {
  const wanting = new Set(entries.flatMap(({ object, owner }) => (object.kind === 'resolver' ? [owner.name] : [])));
  const insides = new Map(containers.flatMap(({ name, inside }) => (inside ? [[name, inside]] : [])));
  return [...insides].flatMap(([name, inside]) => {
    if (!wanting.has(name) || inside.unknown.has('sockets')) return [];
    const listens = inside.listeners.some(
      ({ address, protocol }) => protocol === 'udp' && address && printAddress(address) === RESOLVER_ADDRESS,
    );
    if (listens && leadsToServer(inside)) return [];
    return [
      {
        severity: 'error' as const,
        what: `${name} finds no names: ${listens ? `no rule in it leads ${RESOLVER_ADDRESS} port 53 to the name server` : `nobody answers at ${RESOLVER_ADDRESS} in it`}.`,
        proof: [listens ? `in ${name}: nft list ruleset` : `in ${name}: no UDP socket at ${RESOLVER_ADDRESS}`],
        // A restart of the daemon does it too, and the container goes on meanwhile.
        first: `docker restart ${name}`,
        concerns: { containers: [name] },
      },
    ];
  });
}

/** Servers that no query comes to, or that answered none of late. */
function others(facts: Facts): ReturnType<Check> {
  const { engine } = facts;
  const asked = facts.containers.flatMap(({ name }) => {
    const id = engine?.containers.find((its) => its.name === name)?.id;
    const sandbox = engine?.sandboxes.find(({ containerId }) => containerId === id)?.id ?? '';
    return { name, servers: engine?.nameServers?.[sandbox] ?? [] };
  });
  // From the host the way is the same for all.
  const groups = groupBy(asked, ({ name, servers }) =>
    servers.map(({ address, from }) => `${address} ${from === 'host' ? '' : name}`).join(),
  );
  return [...groups.values()].flatMap((group) => {
    const { name, servers } = group[0]!;
    const problems = servers.map((server) => problemOf(facts, name, server));
    const [first] = problems;
    if (!first || problems.includes(undefined)) return [];
    const containers = [...new Set(group.map((its) => its.name))];
    return [
      {
        severity: 'error' as const,
        what: `${containers.join(', ')} ${containers.length === 1 ? 'finds' : 'find'} no names of the outside: ${first.what}.`,
        proof: problems.map((problem) => problem!.proof),
        first: first.remedy,
        concerns: { containers },
      },
    ];
  });
}

type Server = Upstream['servers'][number];

interface Problem {
  readonly what: string;
  readonly proof: string;
  readonly remedy: string;
}

function problemOf(facts: Facts, name: string, { address, from }: Server): Problem | undefined {
  const own = address.includes(':') ? `[${address}]` : address;
  const traced = walked(facts, { from: from === 'host' ? 'host' : name, to: `${own}:53/udp` });
  const where = from === 'host' ? 'of the host' : `that ${name} was given`;
  const another =
    from === 'host'
      ? `see to it that ${address} answers, or name another server in /etc/resolv.conf`
      : `see to it that ${address} answers, or run ${name} anew with another --dns`;
  if (traced?.verdict === 'block') {
    return {
      what: `queries do not get to ${address}, the name server ${where}: ${traced.reason}`,
      proof: endProof(facts, traced),
      remedy: traced.way.end.rule ? endRemedy(facts, traced) : another,
    };
  }
  const flows = facts.host.flows.filter(
    ({ original: { protocol, destination, destinationPort } }) =>
      protocol === UDP && destinationPort === 53 && printAddress(destination) === address,
  );
  // One may be on its way just now.
  if (flows.length < 2 || flows.some(({ seenReply }) => seenReply)) return undefined;
  const { original } = flows[0]!;
  return {
    what: `${address}, the name server ${where}, does not answer`,
    proof: `conntrack: udp ${printAddress(original.source)}:${original.sourcePort} > ${address}:53 [UNREPLIED], ${flows.length} such`,
    remedy: another,
  };
}

function leadsToServer({ nftables, iptables, listeners, unknown }: LinuxNamespace): boolean {
  if (unknown.has('nftables') && unknown.has('iptables')) return true;
  if (listeners.some(({ port, address }) => port === 53 && address && printAddress(address) === RESOLVER_ADDRESS))
    return true;
  const rules = nftables.tables.flatMap(({ chains }) => [...chains.values()].flatMap((chain) => chain.rules));
  if (rules.some(({ statements }) => JSON.stringify(statements).includes(RESOLVER_ADDRESS))) return true;
  return iptables.some(({ chains }) =>
    [...chains.values()].some((chain) =>
      chain.rules.some(({ rule }) => JSON.stringify(rule).includes(RESOLVER_ADDRESS)),
    ),
  );
}
