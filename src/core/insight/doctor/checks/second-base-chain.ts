import type { NftChain, NftTable } from '../../../firewall/nft/ruleset.ts';
import { programOfTable } from '../../foreign/programs.ts';
import type { Check } from '../finding.ts';

/** What one base chain accepts, another one on the same hook may still drop: one drop wins. */
export const secondBaseChain: Check = ({ host, chains, networks }) => {
  if (networks.length === 0) return [];
  const iptables = new Set(chains.map(({ family, table }) => `${family} ${table}`));
  const others = host.nftables.tables.filter(
    ({ family, name, dormant }) =>
      !dormant && !iptables.has(`${family} ${name}`) && family !== 'ip6' && name !== 'passerelle',
  );
  const found = others.flatMap((table) =>
    [...table.chains.values()]
      .filter((chain) => chain.base?.hook === 'forward' && drops(table, chain))
      .map((chain) => ({ table, chain })),
  );
  const variants = new Set(
    chains
      .filter(({ name, table, policy }) => name === 'FORWARD' && table === 'filter' && policy === 'DROP')
      .map(({ variant }) => variant),
  );
  return [
    ...found.map(({ table, chain }) => {
      const known = programOfTable(table.name);
      const where = `${table.family} ${table.name} ${chain.name}`;
      return {
        severity: 'error' as const,
        what: `A second base chain decides on forwarded packets too, and drops: ${where}${known ? `, of ${known.program}` : ''}. What the engine accepts is dropped there all the same.`,
        proof: [
          `nft chain ${where} { type ${chain.base!.type} hook forward priority ${chain.base!.priority}; policy ${chain.base!.policy}; }`,
        ],
        first: `nft insert rule ${where} ct status dnat accept`,
      };
    }),
    ...(variants.size > 1
      ? [
          {
            severity: 'error' as const,
            what: 'iptables-legacy and iptables-nft both hold a FORWARD chain that drops: each packet must be accepted by both, and the engine writes to one only.',
            proof: ['iptables-legacy-save -t filter; iptables-save -t filter'],
            first: 'iptables-legacy -P FORWARD ACCEPT',
          },
        ]
      : []),
  ];
};

/** By its policy, or by a rule at its end that knows no answers and no translated packets. */
function drops(table: NftTable, chain: NftChain): boolean {
  const accepts = JSON.stringify(chain.rules.map(({ statements }) => statements));
  const sparesContainers = /"dnat"/.test(accepts) && /accept/.test(accepts);
  if (sparesContainers || table.name === 'docker-bridges') return false;
  if (chain.base?.policy === 'drop') return true;
  const last = chain.rules.at(-1)?.statements ?? [];
  return (
    last.length > 0 && last.every((statement) => 'drop' in statement || 'reject' in statement || 'counter' in statement)
  );
}
