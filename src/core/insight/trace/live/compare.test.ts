import { describe, expect, test } from 'vitest';
import { linuxFromTexts, type NamespaceTexts } from '../../../model/texts.ts';
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

function predict(drop: boolean, rate = false, more: NamespaceTexts = {}) {
  const texts = {
    links: JSON.stringify(LINKS),
    addresses: JSON.stringify(ADDRESSES),
    nft: JSON.stringify(rules(drop, rate)),
    iptables: '',
    sysctls: 'net/ipv4/ip_forward=0',
    sockets: 'tcp LISTEN 0 5 0.0.0.0:80 0.0.0.0:*',
    routes: '[]',
    conntrack: '',
    ...more,
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
    event.kind !== 'passage' ? 1 : event.hook !== 'input' ? -1 : event.edge === 'begin' ? 0 : 2;
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

  test('through rules of iptables-legacy, where the kernel told of them', () => {
    const legacy = '*filter\n:INPUT ACCEPT [0:0]\n:SIFT - [0:0]\n-A INPUT -j SIFT\n-A SIFT -p udp -j DROP\nCOMMIT\n';
    const predicted = predict(false, false, { iptablesLegacy: legacy });
    const told = observe(predicted.walked, 'answered');
    const { packet } = told.events[0]!;
    const at = (chain: string, number: number): SeenEvent => ({
      kind: 'legacy-rule',
      namespace: 'host',
      family: 'ip',
      table: 'filter',
      chain,
      number,
      packet,
    });
    const marks = (events: readonly SeenEvent[], legacyTold = ['host']) =>
      compare(predicted, {
        ...told,
        legacy: legacyTold,
        events: [...told.events.filter(({ kind }) => kind !== 'legacy-rule'), ...events],
      }).steps.flatMap(({ mark, predicted: step, seen }) =>
        step?.rule?.variant === 'legacy' || seen?.text.includes('SIFT')
          ? [`${mark} ${step?.decision ?? seen?.text}`]
          : [],
      );
    // The end of the chain that was called decides nothing.
    const real = [at('INPUT', 1), at('SIFT', 2), at('INPUT', 2)];
    expect(marks(real)).toEqual(['same jump SIFT', 'same policy accept']);
    expect(marks([at('INPUT', 1), at('SIFT', 1)])).toEqual([
      'same jump SIFT',
      'missing policy accept',
      'unforeseen filter SIFT 1: matched',
    ]);
    expect(marks([], [])).toEqual(['untold jump SIFT', 'untold policy accept']);
  });

  test('that left open what happened', () => {
    const predicted = predict(false, true);
    expect(predicted.walked.verdict).toBe('unknown');
    const [other] = predicted.walked.others;
    const live = compare(predicted, observe({ ...predicted.walked, way: other!.way }, 'silence'));
    expect(live).toMatchObject({ agrees: true, learned: ['whether the rate of `limit` is exceeded: yes'] });
  });
});
