/** A question about a snapshot's host, walked through what the snapshot tells of it. */
import { hostAddress } from '../../address/prefix.ts';
import type { Linux } from '../../model/linux.ts';
import { linuxFromTexts } from '../../model/texts.ts';
import type { Desired } from '../../plan/object.ts';
import type { Entry } from '../explain/entry.ts';
import { explainSnapshot } from '../explain/snapshot.ts';
import type { TracePlace } from '../trace/place.ts';
import type { TraceQuestion } from '../trace/question.ts';
import { withReasons } from '../trace/reasons.ts';
import { trace, type Trace } from '../trace/trace.ts';
import { INSIDE, type DockerNames, type EngineSnapshot, type Snapshot } from './snapshot.ts';

/** What a question is put to. */
export interface TraceStage {
  readonly linux: Linux;
  readonly places: readonly TracePlace[];
}

export function traceStage(snapshot: Snapshot): TraceStage {
  const { linux } = linuxFromTexts(new Map(Object.entries(snapshot.namespaces)));
  const reasons = explainSnapshot(snapshot).map(reasoned);
  return { linux: withReasons(linux, reasons), places: placesOf(snapshot) };
}

/** @throws TraceError where the question names what is not there */
export function traceSnapshot(snapshot: Snapshot, question: TraceQuestion): Trace {
  const { linux, places } = traceStage(snapshot);
  return trace(question, linux, places);
}

/** A foreign program's name stands where ours has the record. */
function reasoned({ object, owner, why }: Entry): Desired {
  const { id, name } = owner;
  return { ...object, why, owner: { kind: owner.kind === 'foreign' ? 'engine' : owner.kind, id, name } };
}

function placesOf({ engine, docker }: Snapshot): readonly TracePlace[] {
  if (engine) return engine.sandboxes.flatMap((sandbox) => placeOf(engine, sandbox));
  return docker ? dockerPlaces(docker) : [];
}

function placeOf(
  { containers, endpoints, networks }: EngineSnapshot,
  { id, containerId, host }: EngineSnapshot['sandboxes'][number],
): TracePlace[] {
  const container = containers.find((its) => its.id === containerId);
  if (!container) return [];
  const its = endpoints.filter(({ sandboxId }) => sandboxId === id);
  return [
    {
      name: container.name,
      aliases: [container.id, container.id.slice(0, 12), ...its.flatMap(({ aliases }) => aliases)],
      namespace: host ? 'host' : id,
      addresses: its.flatMap(({ networkId, ipv4, ipv6 }) =>
        [ipv4, ipv6]
          .filter((text) => text !== '')
          .map((text) => ({
            network: networks.find((network) => network.id === networkId)?.name ?? networkId,
            address: hostAddress(text),
          })),
      ),
    },
  ];
}

/** Of containers that nobody looked into nothing is known but their addresses. */
function dockerPlaces({ containers, addresses = {} }: DockerNames): readonly TracePlace[] {
  const names = new Set(Object.values(containers));
  return [...names].map((name) => ({
    name,
    aliases: [],
    namespace: `${INSIDE}${name}`,
    addresses: Object.entries(containers)
      .filter(([, its]) => its === name)
      .map(([address]) => ({ network: addresses[address] ?? '', address })),
  }));
}
