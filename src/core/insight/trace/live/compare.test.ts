import { describe, expect, test } from 'vitest';
import { linuxFromTexts } from '../../../model/texts.ts';
import { walk, type Walked } from '../../../model/walk/walk.ts';
import { printAddress } from '../../../address/address.ts';
import { protocolName, type Packet } from '../../../model/walk/packet.ts';
import { probeOf, type TraceQuestion } from '../question.ts';
import { compareTrace } from './compare.ts';
import type { Observation, SeenEvent, SeenPacket } from './observation.ts';
import { printLiveTrace } from './print.ts';

const handle = (chain: string, number: number, expr: object[]) => ({
  rule: { family: 'ip', table: 'filter', chain, handle: number, expr },
});
const rules = (drop: boolean, rate: boolean) => ({
  nftables: [
    { table: { family: 'ip', name: 'filter', handle: 1 } },
    {
      chain: {
        family: 'ip',
        table: 'filter',
        name: 'in',
        handle: 1,
        type: 'filter',
        hook: 'input',
        prio: 0,
        policy: 'accept',
      },
    },
    ...(rate ? [handle('in', 7, [{ limit: { rate: 1, per: 'hour' } }, { drop: null }])] : []),
    ...(drop ? [handle('in', 8, [{ drop: null }])] : []),
  ],
});
const LINKS = [{ ifname: 'lo', flags: ['UP'], link_type: 'loopback' }];
const ADDRESSES = [{ ifname: 'lo', addr_info: [{ local: '127.0.0.1', prefixlen: 8 }] }];
const QUESTION: TraceQuestion = { from: 'host', to: '127.0.0.1:80' };

function predict(drop: boolean, rate = false) {
  const texts = {
    links: JSON.stringify(LINKS),
    addresses: JSON.stringify(ADDRESSES),
    nft: JSON.stringify(rules(drop, rate)),
    iptables: '',
    sysctls: 'net/ipv4/ip_forward=0',
    sockets: 'tcp LISTEN 0 5 0.0.0.0:80 0.0.0.0:*',
    routes: '[]',
    conntrack: '',
  };
  const { linux } = linuxFromTexts(new Map([['host', texts]]));
  return { linux, walked: walk(linux, probeOf(QUESTION, linux, [])) };
}

const seenPacket = ({ source, destination, protocol, ...rest }: Packet): SeenPacket => ({
  source: printAddress(source),
  destination: printAddress(destination),
  protocol: protocolName(protocol),
  sourcePort: rest.sourcePort,
  destinationPort: rest.destinationPort,
  flags: rest.flags,
  ttl: rest.ttl,
});

/** What the kernel would tell if the packet went as the walk says. */
function observe({ way }: Walked, outcome: string): Observation {
  const events = [way, ...(way.reply ? [way.reply] : [])].flatMap(({ steps, passages }): SeenEvent[] => [
    ...passages.map(({ namespace, hook, edge, inLink, outLink, packet }): SeenEvent => ({
      kind: 'passage',
      namespace,
      hook,
      edge,
      inLink,
      outLink,
      packet: seenPacket(packet),
    })),
    ...steps.flatMap(({ rule, decision, namespace, before }): SeenEvent[] => {
      if (!rule) return [];
      const { family, table, chain, handle: number } = rule;
      const verdict = decision.endsWith('drop') ? 'drop' : 'accept';
      return [
        {
          kind: 'rule',
          namespace,
          family,
          table,
          chain,
          verdict,
          packet: seenPacket(before),
          ...(number !== undefined && { handle: number }),
        },
      ];
    }),
  ]);
  // The rule of the hook stands between its edges.
  const order = (event: SeenEvent) =>
    event.kind === 'rule' ? 1 : event.hook !== 'input' ? -1 : event.edge === 'begin' ? 0 : 2;
  const sorted = events.toSorted((a, b) => order(a) - order(b));
  return { events: sorted, source: '127.0.0.1', sourcePort: 40_000, outcome, milliseconds: 1, lost: false };
}

const compare = ({ linux, walked }: ReturnType<typeof predict>, observed: Observation) =>
  compareTrace(QUESTION, walked, linux, [], observed);

describe('a prediction beside what happened', () => {
  test.each([
    [false, 'answered', 'pass'],
    [true, 'silence', 'block'],
  ])('that came true (dropped: %s)', (drop, outcome, verdict) => {
    const predicted = predict(drop);
    const live = compare(predicted, observe(predicted.walked, outcome));
    expect(live).toMatchObject({ agrees: true, verdict, differences: [], learned: [] });
    expect(live.steps.map(({ mark }) => mark)).not.toContain('missing');
    expect(printLiveTrace(live, 'brief')).toContain('as predicted');
  });

  test('that did not: a rule that came after it', () => {
    const live = compare(predict(false), observe(predict(true).walked, 'silence'));
    expect(live).toMatchObject({ agrees: false, verdict: 'block' });
    expect(live.differences).toEqual([
      'the sender gets an answer by the prediction, and really it hears nothing',
      'predicted, but not seen: host filter in: policy accept',
      'seen, but not predicted: host filter in handle 8: drop',
    ]);
    const text = printLiveTrace(live, 'steps');
    expect(text).toContain('OTHER THAN PREDICTED');
    expect(text).toMatch(/^ {2}\+ host +filter in handle 8: drop$/m);
  });

  test('that left open what happened', () => {
    const predicted = predict(false, true);
    expect(predicted.walked.verdict).toBe('unknown');
    const [other] = predicted.walked.others;
    const live = compare(predicted, observe({ ...predicted.walked, way: other!.way }, 'silence'));
    expect(live).toMatchObject({ agrees: true, learned: ['whether the rate of `limit` is exceeded: yes'] });
  });
});
