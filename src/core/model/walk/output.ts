/** A packet is made here: route, OUTPUT, route again if it was changed, POSTROUTING. */
import { equalAddresses, parseAddress, type Address } from '../../address/address.ts';
import type { Route } from '../route.ts';
import type { Tracked } from './flow.ts';
import { takeIn, confSetting } from './input.ts';
import type { Skb, Space } from './machine.ts';
import { sendOut } from './neighbour.ts';
import type { Packet } from './packet.ts';
import { pass } from './pass.ts';
import { newSkb, type Run } from './run.ts';
import type { End } from './step.ts';

/** A packet whose source may still be open. */
export type Draft = Omit<Packet, 'source'> & { readonly source: Address | undefined };

const OUT_ERRORS: Readonly<Record<string, string>> = {
  ENETUNREACH: 'no route leads there',
  EHOSTUNREACH: 'the route there is `unreachable`',
  EACCES: 'the route there is `prohibit`',
  EINVAL: 'the route there is `blackhole`, or loopback would leave the host',
};

export function send(run: Run, space: Space, draft: Draft, tracked?: Tracked): End {
  const chosen = routeOutput(run, space, draft, draft.source);
  const packet: Packet = { ...draft, source: chosen.source ?? draft.source ?? unspecified(draft.destination) };
  run.sent ??= { namespace: space.namespace.name, packet };
  const skb = newSkb(packet);
  skb.tracked = tracked;
  skb.state = tracked?.state;
  if (chosen.error !== undefined) return fail(run, space, skb, chosen.error);
  run.tell({
    kind: 'send',
    namespace: space.namespace.name,
    link: chosen.link,
    decision: `out of ${chosen.link}`,
    detail: `${space.namespace.name} sends it`,
    before: packet,
    after: packet,
  });
  skb.route = chosen.route;
  const end = pass(run, space, skb, { hook: 'output', inLink: '', outLink: chosen.link });
  if (end) return end;
  let way: OutRoute = chosen;
  if (!equalAddresses(skb.packet.destination, packet.destination) || skb.packet.mark !== packet.mark) {
    way = routeOutput(run, space, skb.packet, skb.packet.source);
    if (way.error !== undefined) return fail(run, space, skb, way.error);
    skb.route = way.route;
    run.tell({
      kind: 'route',
      namespace: space.namespace.name,
      link: way.link,
      decision: 'routed again',
      detail: `it goes out of ${way.link}`,
      before: skb.packet,
      after: skb.packet,
    });
  }
  const after = pass(run, space, skb, { hook: 'postrouting', inLink: '', outLink: way.link });
  if (after) return after;
  if (way.link !== 'lo') return sendOut(run, space, way.link, skb, way.route.via ?? skb.packet.destination, false);
  const back = pass(run, space, skb, { hook: 'prerouting', inLink: 'lo', outLink: '' });
  return back ?? takeIn(run, space, 'lo', skb);
}

function fail(run: Run, space: Space, skb: Skb, errno: string): End {
  const text = OUT_ERRORS[errno] ?? errno;
  return run.end(space, skb, { kind: 'failed', errno, text }, 'error');
}

type OutRoute =
  | { readonly route: Route; readonly link: string; readonly source: Address | undefined; readonly error?: undefined }
  | { readonly error: string; readonly source?: undefined };

/** The kernel's ip_route_output: what is for this host goes by loopback. */
function routeOutput(
  run: Run,
  space: Space,
  packet: Pick<Packet, 'destination' | 'mark' | 'protocol' | 'sourcePort' | 'destinationPort'>,
  source: Address | undefined,
): OutRoute {
  const { destination, mark, protocol, sourcePort, destinationPort } = packet;
  const result = space.fib.lookup({ destination, source, mark, protocol, sourcePort, destinationPort }, (fact) =>
    run.choices.ask(fact),
  );
  if (result.error) return { error: result.error };
  const { route } = result;
  if (route.type === 'local') {
    return { route, link: 'lo', source: source ?? route.source ?? destination };
  }
  const link = route.link!;
  const own = source ?? route.source ?? space.fib.sourceFor(link, route.via ?? destination, destination.version);
  const isLoopback = own?.version === 4 && own.words[3] >>> 24 === 127;
  if (isLoopback && !confSetting(run, space, link, 'route_localnet')) return { error: 'EINVAL' };
  return { route, link, source: own };
}

const unspecified = (like: Address): Address => parseAddress(like.version === 4 ? '0.0.0.0' : '::')!;
