import type { Sample } from '../../../containers/stats/sample.ts';
import type { ProcessList } from './top.ts';

/** What is known of the processes of containers, by their pids. */
export interface Processes {
  /** As ps tells it; `args` are ps's own. Throws invalid for what ps does not take. */
  list(pids: readonly number[], args: string): Promise<ProcessList>;
  /** What the container of that first process uses; undefined if it has ended. */
  sample(pid: number): Promise<Sample | undefined>;
}
