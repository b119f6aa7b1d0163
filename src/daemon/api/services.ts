/** What the API serves. Everything is a port, so that the whole API runs over fakes too. */
import type { Clock } from '../../core/engine/clock.ts';
import type { ContainerView, EngineApi } from '../../core/engine/engine.ts';
import type { Volumes } from '../../core/engine/volumes.ts';
import type { Archives } from '../../containers/archive/archives.ts';
import type { ImageStore } from '../../containers/images/store.ts';
import type { ContainerSurroundings } from './containers/present.ts';
import type { Processes } from './containers/processes.ts';
import type { LiveTraces } from '../insight/live.ts';
import type { Snapshots } from '../insight/snapshots.ts';
import type { SystemFacts } from './system/facts.ts';

/** Where the files of containers are on the host. */
export interface ContainerFiles {
  surroundings(view: ContainerView): ContainerSurroundings;
}

export interface Services {
  readonly engine: EngineApi;
  readonly images: Pick<ImageStore, keyof ImageStore>;
  readonly volumes: Volumes;
  readonly files: ContainerFiles;
  /** The files in a container's root filesystem. */
  readonly archives: Archives;
  readonly processes: Processes;
  readonly system: SystemFacts;
  /** The host as a diagnosis sees it. */
  readonly snapshots: Snapshots;
  /** Real packets beside their predictions. */
  readonly live: LiveTraces;
  readonly clock: Clock;
}
