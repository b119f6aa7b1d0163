import { linuxFromTexts } from '../../model/texts.ts';
import { objectsOf } from '../snapshot/observed.ts';
import { HOST, type Snapshot } from '../snapshot/snapshot.ts';
import type { Entry } from './entry.ts';
import { explain } from './explain.ts';

/** The same of a host that is not here, or that Docker manages. */
export function explainSnapshot({ engine, docker, namespaces }: Snapshot): readonly Entry[] {
  if (engine) return explain(engine.desired, engine.observed);
  const host = linuxFromTexts(new Map([[HOST, namespaces[HOST] ?? {}]])).linux.namespaces.get(HOST)!;
  return explain([], objectsOf(host), {
    networks: new Map(Object.entries(docker?.networks ?? {})),
    containers: new Map(Object.entries(docker?.containers ?? {})),
  });
}
