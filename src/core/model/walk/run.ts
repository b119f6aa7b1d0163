/** One walk with one set of answers: the state that packets meet and leave behind. */
import type { Link } from '../link.ts';
import type { Linux, LinuxNamespace } from '../linux.ts';
import type { Choices } from './choices.ts';
import { fibOf } from './fib.ts';
import { FlowTable, type Tracked } from './flow.ts';
import type { Skb, Space } from './machine.ts';
import type { Packet } from './packet.ts';
import type { End, Passage, WalkStep } from './step.ts';
import { topologyOf, type Topology } from './topology.ts';

/** What a namespace sends back. `tracked` is set where the kernel ties it to the packet that caused it. */
export interface Answer {
  readonly namespace: string;
  readonly packet: Packet;
  readonly tracked: Tracked | undefined;
}

/** Nothing goes round for ever. */
const HOPS = 64;

export class Run {
  readonly linux: Linux;
  readonly choices: Choices;
  readonly topology: Topology;
  steps: WalkStep[] = [];
  passages: Passage[] = [];
  answer: Answer | undefined;
  /** The packet as its sender sent it, and where a socket waits for the answer; `namespace` is empty outside of the model. */
  sent: { readonly namespace: string; readonly packet: Packet } | undefined;
  /** Set when an answer reached the sender. */
  returned: Packet | undefined;
  /** What connection tracking is to make of packets that it does not know. */
  given: 'new' | 'established' | 'invalid' | undefined;
  /** Neighbours that were found on the way, or made themselves known by asking. */
  readonly neighbours = new Set<string>();
  /** The sockets of both ends have the connection. */
  isConnected = false;
  readonly assumesListeners: boolean;
  #hops = 0;
  readonly #spaces = new Map<string, Space>();

  constructor(linux: Linux, choices: Choices, given: Run['given'], assumesListeners: boolean) {
    this.linux = linux;
    this.choices = choices;
    this.topology = topologyOf(linux);
    this.given = given;
    this.assumesListeners = assumesListeners;
  }

  space(name: string): Space {
    let space = this.#spaces.get(name);
    if (!space) {
      const namespace = this.linux.namespaces.get(name);
      if (!namespace) throw new RangeError(`the model has no namespace ${name}`);
      space = { namespace, fib: fibOf(namespace), flows: new FlowTable(namespace.flows) };
      this.#spaces.set(name, space);
    }
    return space;
  }

  tell(step: WalkStep): void {
    this.steps.push(step);
  }

  /** Counts what can go on for ever: frames between links. */
  hop(): boolean {
    this.#hops += 1;
    return this.#hops <= HOPS;
  }

  /** Says what the last step took for granted. */
  assume(assumption: string): void {
    const last = this.steps.pop();
    if (last) this.steps.push({ ...last, assumption });
  }

  /** Ends the way, with a step that says so. */
  end(space: Space, skb: Skb, end: Omit<End, 'namespace' | 'packet'>, kind: WalkStep['kind'] = 'drop'): End {
    this.tell({
      kind,
      namespace: space.namespace.name,
      ...(end.link !== undefined && { link: end.link }),
      decision: end.dropReason ?? end.errno ?? end.kind,
      detail: end.text,
      before: skb.packet,
      after: skb.packet,
    });
    return { ...end, namespace: space.namespace.name, packet: skb.packet };
  }
}

export function newSkb(packet: Packet): Skb {
  return {
    packet,
    physicalIn: '',
    physicalOut: '',
    tracked: undefined,
    state: undefined,
    route: undefined,
    sender: undefined,
  };
}

export function linkOf(namespace: LinuxNamespace, name: string): Link | undefined {
  return namespace.links.get(name);
}

/** A setting as a number; undefined where it was not given. */
export function setting(namespace: LinuxNamespace, name: string): number | undefined {
  const value = namespace.sysctls.get(name);
  return value === undefined ? undefined : Number(value);
}

/** A switch of the kernel: as it was given, else as it is at birth, else asked for. */
export function isOn(run: Run, namespace: LinuxNamespace, name: string, atBirth: boolean): boolean {
  const value = setting(namespace, name);
  if (value !== undefined) return value !== 0;
  if (!namespace.unknown.has('sysctls')) return atBirth;
  return run.choices.ask({ key: `${namespace.name} ${name}`, missing: `whether ${name} is on in ${namespace.name}` });
}
