import { MAIN } from '../../../model/route.ts';
import type { Check } from '../finding.ts';
import { settingProof } from '../proof.ts';

const STRICT = '1';

/** A strict host drops what comes in by another link than its answer would leave by. */
export const reversePath: Check = ({ host, networks }) => {
  const of = (link: string): string | undefined => host.sysctls.get(`net/ipv4/conf/${link}/rp_filter`);
  const effective = (link: string): string => String(Math.max(Number(of('all') ?? 0), Number(of(link) ?? 0)));
  const ways = host.routes.filter(
    ({ table, type, to, link }) =>
      table === MAIN && type === 'unicast' && to.length === 0 && to.address.version === 4 && link !== undefined,
  );
  const uplinks = [...new Set(ways.map(({ link }) => link!))];
  const strict = uplinks.filter((link) => effective(link) === STRICT);
  if (networks.length === 0 || uplinks.length < 2 || strict.length === 0) return [];
  return [
    {
      severity: 'warning',
      what: `The host has ${uplinks.length} ways out and takes packets on ${strict.join(', ')} only if the answer goes back the same way: callers who come by the other one get no answer, published ports included.`,
      proof: [
        ...strict.map((link) => settingProof(`net/ipv4/conf/${link}/rp_filter`, of(link))),
        settingProof('net/ipv4/conf/all/rp_filter', of('all')),
        ...uplinks.map((link) => `default dev ${link}`),
      ],
      first: `sysctl -w net.ipv4.conf.${strict[0]}.rp_filter=2`,
    },
  ];
};
