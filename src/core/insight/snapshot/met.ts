/** Which sandboxes a packet may have to do with: only those need to be looked into for its trace. */
import { parseTarget, type TraceQuestion } from '../trace/question.ts';
import { findPlace } from '../trace/place.ts';
import type { Trace, TracedStep } from '../trace/trace.ts';
import { HOST, type EngineSnapshot, type Snapshot } from './snapshot.ts';
import { placesOf } from './trace.ts';

/** @throws TraceError where the target is none */
export function sandboxesNamed(snapshot: Snapshot, { from, to }: TraceQuestion): ReadonlySet<string> {
  const places = placesOf(snapshot);
  const named = [from, parseTarget(to).host].flatMap((word) => findPlace(places, word)?.namespace ?? []);
  return new Set(named.filter((namespace) => namespace !== HOST));
}

/**
 * Those that hear what is sent on a link that the packet came to: one of them may answer for any address.
 * What was not looked into ends as a cable that leads out of the model, so a packet comes as far as the
 * bridge or parent that it is plugged into.
 */
export function sandboxesMet({ desired, observed }: EngineSnapshot, trace: Trace): ReadonlySet<string> {
  const steps = [trace.way, ...trace.others.map(({ way }) => way)].flatMap(stepsOf);
  const visited = new Set(steps.map(({ namespace }) => namespace));
  const touched = new Set(
    steps.flatMap(({ namespace, link }) => (namespace === HOST && link !== undefined ? [link] : [])),
  );
  const places = [...desired, ...observed].flatMap((object): { sandbox: string; links: readonly string[] }[] => {
    if (object.kind !== 'link') return [];
    if (object.type === 'macvlan' || object.type === 'ipvlan')
      return [{ sandbox: object.namespace, links: [object.parent] }];
    if (object.type !== 'veth' || object.namespace !== HOST) return [];
    const { name, master, peer } = object;
    return [{ sandbox: peer.namespace, links: master === undefined ? [name] : [name, master] }];
  });
  for (const { sandbox, links } of places) if (visited.has(sandbox)) for (const link of links) touched.add(link);
  const met = places.filter(({ links }) => links.some((link) => touched.has(link)));
  return new Set(met.map(({ sandbox }) => sandbox).filter((sandbox) => sandbox !== '' && sandbox !== HOST));
}

const stepsOf = ({ steps, reply }: Trace['way']): readonly TracedStep[] => [...steps, ...(reply?.steps ?? [])];
