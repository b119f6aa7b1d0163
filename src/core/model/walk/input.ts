/** A packet comes in by a link: PREROUTING, the routing decision, then this host or onwards. */
import type { Address } from '../../address/address.ts';
import { isMulticast } from '../../address/address.ts';
import type { Route } from '../route.ts';
import { sendError } from './answer.ts';
import { deliver } from './deliver.ts';
import type { Skb, Space } from './machine.ts';
import { sendOut } from './neighbour.ts';
import { pass } from './pass.ts';
import { isOn, setting, type Run } from './run.ts';
import type { DropReason, End } from './step.ts';

/** `prerouted`: bridge netfilter has shown it to PREROUTING already. */
export function receive(run: Run, space: Space, inLink: string, skb: Skb, prerouted: boolean): End {
  const malformed = strangeHeader(space, inLink, skb);
  if (malformed !== undefined) {
    return run.end(space, skb, { kind: 'dropped', link: inLink, dropReason: 'IP_INHDR', text: malformed });
  }
  if (!prerouted) {
    const end = pass(run, space, skb, { hook: 'prerouting', inLink, outLink: '' });
    if (end) return end;
  }
  const decision = routeInput(run, space, inLink, skb);
  if (decision.kind === 'drop') {
    if (decision.icmp) sendError(run, space, skb, decision.icmp);
    const { reason, text } = decision;
    return run.end(space, skb, { kind: 'dropped', link: inLink, dropReason: reason, text });
  }
  skb.route = decision.route;
  if (decision.kind === 'local') {
    run.tell({
      kind: 'route',
      namespace: space.namespace.name,
      link: inLink,
      decision: 'local',
      detail: `the destination is an address of ${space.namespace.name}`,
      before: skb.packet,
      after: skb.packet,
    });
    return takeIn(run, space, inLink, skb);
  }
  return forward(run, space, inLink, skb, decision.route);
}

/** Addresses that IPv6 passes no hook with. */
function strangeHeader({ namespace }: Space, inLink: string, { packet }: Skb): string | undefined {
  const { source, destination } = packet;
  if (source.version === 4) return undefined;
  if (isMulticast(source)) return 'no host has such a source address';
  const comesByLoopback = namespace.links.get(inLink)?.type === 'loopback';
  const isLoopback = ({ words: [a, b, c, d] }: Address) => a === 0 && b === 0 && c === 0 && d === 1;
  return !comesByLoopback && (isLoopback(source) || isLoopback(destination))
    ? `a packet from or for loopback may not come by ${inLink}`
    : undefined;
}

export function takeIn(run: Run, space: Space, inLink: string, skb: Skb): End {
  const end = pass(run, space, skb, { hook: 'input', inLink, outLink: '' });
  return end ?? deliver(run, space, inLink, skb);
}

function forward(run: Run, space: Space, inLink: string, skb: Skb, route: Route): End {
  const outLink = route.link!;
  const six = skb.packet.source.version === 6;
  if (skb.packet.ttl <= 1) {
    sendError(run, space, skb, six ? { type: 3, code: 0 } : { type: 11, code: 0 });
    return run.end(space, skb, {
      kind: 'dropped',
      link: inLink,
      dropReason: 'TTL_EXCEEDED',
      text: 'its time to live is over: it would have to be forwarded once more',
    });
  }
  const mtu = space.namespace.links.get(outLink)?.mtu ?? 1500;
  if (skb.packet.size > mtu && (six || skb.packet.dontFragment)) {
    sendError(run, space, skb, six ? { type: 2, code: 0 } : { type: 3, code: 4 });
    return run.end(space, skb, {
      kind: 'dropped',
      link: outLink,
      dropReason: 'PKT_TOO_BIG',
      text: `its ${skb.packet.size} bytes do not fit the ${mtu} of ${outLink}, and it may not be cut`,
    });
  }
  const before = skb.packet;
  skb.packet = { ...before, ttl: before.ttl - 1 };
  run.tell({
    kind: 'route',
    namespace: space.namespace.name,
    link: outLink,
    decision: 'forward',
    detail: `from ${inLink} out of ${outLink}`,
    before,
    after: skb.packet,
  });
  const end =
    pass(run, space, skb, { hook: 'forward', inLink, outLink }) ??
    // Forwarded packets still show here where they came in.
    pass(run, space, skb, { hook: 'postrouting', inLink, outLink });
  return end ?? sendOut(run, space, outLink, skb, route.via ?? skb.packet.destination, true);
}

export type InputDecision =
  | { readonly kind: 'local' | 'forward'; readonly route: Route }
  | {
      readonly kind: 'drop';
      readonly reason: DropReason;
      readonly text: string;
      readonly icmp?: { readonly type: number; readonly code: number };
    };

const drop = (reason: DropReason, text: string): InputDecision => ({ kind: 'drop', reason, text });

/** The kernel's ip_route_input: martians first, then the table, then whether the source may come this way. */
export function routeInput(run: Run, space: Space, inLink: string, skb: Skb): InputDecision {
  const { source, destination } = skb.packet;
  return source.version === 4
    ? routeInput4(run, space, inLink, skb, source, destination)
    : routeInput6(run, space, inLink, skb);
}

function routeInput4(
  run: Run,
  space: Space,
  inLink: string,
  skb: Skb,
  source: Address,
  destination: Address,
): InputDecision {
  const { namespace } = space;
  const from = source.words[3];
  const to = destination.words[3];
  if (isMulticast(source) || from === 0xffffffff || (from === 0 && to !== 0xffffffff)) {
    return drop('IP_INVALID_SOURCE', 'no host has such a source address');
  }
  if (to === 0xffffffff || isMulticast(destination))
    return { kind: 'local', route: broadcastRoute(space, destination) };
  if (to === 0) return drop('IP_INVALID_DEST', 'no host has such a destination address');
  const loopbackRouted = () => confSetting(run, space, inLink, 'route_localnet');
  if (to >>> 24 === 127 && !loopbackRouted()) {
    return drop('IP_LOCALNET', `a packet for loopback may not come by ${inLink} (route_localnet is off)`);
  }
  if (from >>> 24 === 127 && !loopbackRouted()) {
    return drop('IP_LOCALNET', `a packet from loopback may not come by ${inLink} (route_localnet is off)`);
  }
  const result = space.fib.lookup(
    {
      destination,
      source,
      mark: skb.packet.mark,
      inLink,
      protocol: skb.packet.protocol,
      sourcePort: skb.packet.sourcePort,
      destinationPort: skb.packet.destinationPort,
    },
    (fact) => run.choices.ask(fact),
  );
  const forwards = (atEnd: () => InputDecision): InputDecision =>
    forwarding(run, space, inLink)
      ? atEnd()
      : drop('IP_INADDRERRORS', `${namespace.name} does not forward packets from ${inLink} (ip_forward is off)`);
  if (result.error) {
    const { error } = result;
    return forwards(() => {
      switch (error) {
        case 'ENETUNREACH':
          return { ...drop('IP_INNOROUTES', 'no route leads there'), icmp: { type: 3, code: 0 } } as InputDecision;
        case 'EHOSTUNREACH':
          return {
            ...drop('UNKNOWN', 'the route there is `unreachable`'),
            icmp: { type: 3, code: 1 },
          } as InputDecision;
        case 'EACCES':
          return { ...drop('UNKNOWN', 'the route there is `prohibit`'), icmp: { type: 3, code: 13 } } as InputDecision;
        case 'EINVAL':
          return drop('UNKNOWN', 'the route there is `blackhole`');
      }
    });
  }
  const { route } = result;
  if (route.type === 'broadcast') return { kind: 'local', route };
  const refused = validateSource(run, space, inLink, skb, route.type === 'local' ? '' : (route.link ?? ''));
  if (route.type === 'local') return refused ?? { kind: 'local', route };
  return forwards(() => refused ?? { kind: 'forward', route });
}

function broadcastRoute(space: Space, destination: Address): Route {
  return {
    table: 255,
    type: 'broadcast',
    to: { address: destination, length: 32, mask: [0, 0, 0, 0xffffffff] },
    link: [...space.namespace.links.keys()][0] ?? 'lo',
    metric: 0,
  };
}

/** The kernel's fib_validate_source. */
function validateSource(run: Run, space: Space, inLink: string, skb: Skb, outLink: string): InputDecision | undefined {
  const { namespace, fib } = space;
  const { source } = skb.packet;
  const mode = reversePath(space, inLink);
  const acceptsLocal = confSetting(run, space, inLink, 'accept_local');
  const custom = namespace.rules.ip.length > 3;
  const localSource = () =>
    drop('IP_LOCAL_SOURCE', `its source is an address of ${namespace.name} itself, so it can't come by ${inLink}`);
  if (mode === 0 && !custom && inLink !== outLink) {
    if (acceptsLocal) return undefined;
    return fib.addressType(source) === 'local' && isOwn(space, source) ? localSource() : undefined;
  }
  const ask = (fact: Parameters<typeof run.choices.ask>[0]) => run.choices.ask(fact);
  const key = { destination: source, source: skb.packet.destination, mark: 0, inLink: outLink === '' ? 'lo' : outLink };
  const back = fib.lookup(key, ask);
  const hasAddress = namespace.addresses.some(({ link, address }) => link === inLink && address.version === 4);
  const strict = () =>
    drop('IP_RPFILTER', `answers to its source would not go out of ${inLink} (rp_filter is ${mode})`);
  if (back.error) return mode ? strict() : undefined;
  if (back.route.type === 'local' && !acceptsLocal) return localSource();
  if (back.route.type !== 'unicast' && back.route.type !== 'local') {
    return drop('IP_INVALID_SOURCE', 'its source is no address of one host');
  }
  if (back.route.link === inLink) return undefined;
  if (!hasAddress) return mode ? strict() : undefined;
  return mode === 1 ? strict() : undefined;
}

const isOwn = (space: Space, address: Address) =>
  space.namespace.addresses.some((own) => own.address.version === 4 && own.address.words[3] === address.words[3]);

/** 0 off, 1 strict, 2 loose: the greater of the two settings. */
function reversePath({ namespace }: Space, link: string): number {
  const value = (name: string) => setting(namespace, `net/ipv4/conf/${name}/rp_filter`) ?? 0;
  return Math.max(value('all'), value(link));
}

/** Settings that hold if they are on for all links or for this one. */
export function confSetting(run: Run, { namespace }: Space, link: string, name: string): boolean {
  const all = setting(namespace, `net/ipv4/conf/all/${name}`);
  if (all) return true;
  return isOn(run, namespace, `net/ipv4/conf/${link}/${name}`, false);
}

function forwarding(run: Run, { namespace }: Space, link: string): boolean {
  const own = setting(namespace, `net/ipv4/conf/${link}/forwarding`);
  if (own !== undefined) return own !== 0;
  return isOn(run, namespace, 'net/ipv4/ip_forward', false);
}

function routeInput6(run: Run, space: Space, inLink: string, skb: Skb): InputDecision {
  const { source, destination, mark, protocol } = skb.packet;
  if (isMulticast(destination)) return { kind: 'local', route: broadcastRoute(space, destination) };
  const { route, error } = space.fib.lookup({ destination, source, mark, inLink, protocol }, (fact) =>
    run.choices.ask(fact),
  );
  if (route?.type === 'local' || route?.type === 'anycast') return { kind: 'local', route };
  if (error === 'EINVAL') return drop('UNKNOWN', 'the route there is `blackhole`');
  if (!route) {
    const code = error === 'EACCES' ? 1 : error === 'EHOSTUNREACH' ? 3 : 0;
    return { kind: 'drop', reason: 'IP_INNOROUTES', text: 'no route leads there', icmp: { type: 1, code } };
  }
  const conf = setting(space.namespace, `net/ipv6/conf/${inLink}/forwarding`);
  if (!(conf ?? Number(isOn(run, space.namespace, 'net/ipv6/conf/all/forwarding', false)))) {
    return drop('IP_INADDRERRORS', `${space.namespace.name} does not forward IPv6 packets (forwarding is off)`);
  }
  return { kind: 'forward', route };
}
