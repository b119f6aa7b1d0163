/** A frame comes into a bridge by a port: up to the host, out of another port, and what bridge netfilter adds. */
import { equalAddresses } from '../../address/address.ts';
import type { LinkPlace } from '../link.ts';
import { receive, routeInput } from './input.ts';
import type { Skb, Space } from './machine.ts';
import { lost, neighbour, reaches, same, tellBridge, transmit, type Receiver } from './neighbour.ts';
import { pass } from './pass.ts';
import { isOn, type Run } from './run.ts';
import type { End } from './step.ts';

export function bridgeIn(run: Run, port: LinkPlace, bridge: string, skb: Skb, to: Receiver): End {
  const space = run.space(port.namespace);
  const self = { namespace: port.namespace, link: bridge };
  tellBridge(run, space, skb, bridge, `in by the port ${port.link}`);
  const shown = callsIptables(run, space, bridge, skb);
  let receiver = to;
  if (shown) {
    skb.physicalIn = port.link;
    const { destination } = skb.packet;
    const end = pass(run, space, skb, { hook: 'prerouting', inLink: bridge, outLink: '' });
    if (end) return end;
    if (!equalAddresses(skb.packet.destination, destination)) {
      const turned = turn(run, space, bridge, skb);
      if ('kind' in turned) return turned;
      receiver = turned.to;
    }
  }
  if (receiver !== 'beyond' && (same(receiver, self) || same(receiver, port))) {
    return receive(run, space, bridge, skb, shown);
  }
  const ports = run.topology.ports(self);
  const out = ports.find((its) => reaches(run, its, receiver));
  if (!out) return lost(run, space, skb, bridge);
  const refused = mayCross(run, space, skb, port, out, bridge);
  if (refused) return refused;
  if (shown) {
    skb.physicalOut = out.link;
    const end =
      pass(run, space, skb, { hook: 'forward', inLink: bridge, outLink: bridge }) ??
      pass(run, space, skb, { hook: 'postrouting', inLink: '', outLink: bridge });
    if (end) return end;
  }
  tellBridge(run, space, skb, bridge, `out of the port ${out.link}`);
  return transmit(run, out, skb, receiver);
}

/** A frame that was translated in PREROUTING: bridged to its new destination if that is on the bridge, else routed. */
function turn(run: Run, space: Space, bridge: string, skb: Skb): End | { readonly to: Receiver } {
  const self = { namespace: space.namespace.name, link: bridge };
  const decision = routeInput(run, space, bridge, skb);
  if (decision.kind === 'drop') {
    // Forwarding need not be on for what stays on the bridge.
    const { destination, source, mark } = skb.packet;
    const { route } = space.fib.lookup({ destination, source, mark }, (fact) => run.choices.ask(fact));
    const stays = decision.reason === 'IP_INADDRERRORS' && route?.link === bridge && route.type === 'unicast';
    if (!stays) {
      return run.end(space, skb, { kind: 'dropped', link: bridge, dropReason: decision.reason, text: decision.text });
    }
    return onBridge(run, space, bridge, skb);
  }
  if (decision.kind === 'local' || decision.route.link !== bridge) return { to: self };
  return onBridge(run, space, bridge, skb);
}

function onBridge(run: Run, space: Space, bridge: string, skb: Skb): End | { readonly to: Receiver } {
  const to = neighbour(run, space, bridge, skb.packet.destination);
  if (to) return { to };
  const text = `nobody on ${bridge} has the address that it is sent to`;
  return run.end(space, skb, { kind: 'dropped', link: bridge, dropReason: 'NEIGH_FAILED', text }, 'neighbour');
}

function mayCross(run: Run, space: Space, skb: Skb, port: LinkPlace, out: LinkPlace, bridge: string): End | undefined {
  const from = run.topology.link(port);
  const into = run.topology.link(out);
  if (same(port, out) && !from?.hairpin) {
    const text = `${bridge} sends no frame back out of the port ${port.link} that it came in by (hairpin is off)`;
    return run.end(space, skb, { kind: 'dropped', link: bridge, dropReason: 'BRIDGE_INGRESS_PORT', text });
  }
  if (from?.isolated && into?.isolated) {
    const text = `the ports ${port.link} and ${out.link} of ${bridge} are isolated from each other`;
    return run.end(space, skb, { kind: 'dropped', link: bridge, dropReason: 'BRIDGE_ISOLATED', text });
  }
  return undefined;
}

/** Whether the IP hooks are shown what the bridge carries. Without the module's settings it is not loaded. */
export function callsIptables(run: Run, { namespace }: Space, bridge: string, skb: Skb): boolean {
  if (namespace.links.get(bridge)?.callsIptables) return true;
  const tool = skb.packet.source.version === 4 ? 'iptables' : 'ip6tables';
  return isOn(run, namespace, `net/bridge/bridge-nf-call-${tool}`, false);
}
