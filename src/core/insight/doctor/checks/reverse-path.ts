import { printAddress } from '../../../address/address.ts';
import type { Prefix } from '../../../address/prefix.ts';
import { MAIN } from '../../../model/route.ts';
import { ANYBODY } from '../../trace/question.ts';
import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { settingProof } from '../proof.ts';

const STRICT = '1';

/** A strict host drops what comes in by another link than its answer would leave by. */
export const reversePath: Check = (facts) => {
  const { host, networks } = facts;
  const of = (link: string): string | undefined => host.sysctls.get(`net/ipv4/conf/${link}/rp_filter`);
  const effective = (link: string): string => String(Math.max(Number(of('all') ?? 0), Number(of(link) ?? 0)));
  const ways = host.routes
    .filter(({ table, type, to, link }) => table === MAIN && type === 'unicast' && isDefault(to) && link !== undefined)
    .toSorted((a, b) => a.metric - b.metric);
  const [best = '', ...others] = new Set(ways.map(({ link }) => link!));
  const lost = others.filter((link) => effective(link) === STRICT && isDropped(facts, link));
  if (networks.length === 0 || lost.length === 0) return [];
  return [
    {
      severity: 'warning',
      what: `Answers leave by ${best}, and the host takes packets on ${lost.join(', ')} only if their answers would leave there: callers who come by ${lost.join(' or ')} are not heard, at published ports neither.`,
      proof: [
        ...['all', ...lost].map((link) => settingProof(`net/ipv4/conf/${link}/rp_filter`, of(link))),
        ...ways.map(({ link, metric }) => `default dev ${link} metric ${metric}`),
      ],
      first: `sysctl -w ${lost.map((link) => `net.ipv4.conf.${link}.rp_filter=2`).join(' ')}`,
    },
  ];
};

const isDefault = ({ address, length }: Prefix): boolean => length === 0 && address.version === 4;

/** Rules of routing may lead answers back the way that their questions came. */
function isDropped({ host, trace }: Facts, link: string): boolean {
  const own = host.addresses.find((its) => its.link === link && its.address.version === 4);
  if (!own) return true;
  const { way } = trace({ from: `${ANYBODY[4]}@${link}`, to: `${printAddress(own.address)}/icmp` });
  return way.end.dropReason === 'IP_RPFILTER';
}
