/** What the API serves. Everything is a port, so that the whole API runs over fakes too. */
import type { Clock } from '../../core/engine/clock.ts';
import type { EngineApi } from '../../core/engine/engine.ts';
import type { Runtime } from '../../core/engine/runtime.ts';
import type { Volumes } from '../../core/engine/volumes.ts';
import type { Archives } from '../../containers/archive/archives.ts';
import type { ImageStore } from '../../containers/images/store.ts';
import type { SystemFacts } from './system/facts.ts';

export interface Services {
  readonly engine: EngineApi;
  readonly images: Pick<ImageStore, keyof ImageStore>;
  readonly volumes: Volumes;
  /** Where a container's files are on the host. */
  readonly paths: Pick<Runtime, 'etcPath' | 'logPath'>;
  /** The files in a container's root filesystem. */
  readonly archives: Archives;
  readonly system: SystemFacts;
  readonly clock: Clock;
}
