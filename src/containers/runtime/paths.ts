import { join } from 'node:path';
import type { EtcFile } from '../../core/engine/runtime.ts';

/** Where one container's files are. */
export interface ContainerPaths {
  /** What lasts until the container is removed. */
  readonly data: string;
  readonly log: string;
  /** The exit code of the last run. */
  readonly exit: string;
  readonly upper: string;
  readonly work: string;
  /** Where the root filesystem is mounted. */
  readonly root: string;
  /** Shared memory that other containers may join. */
  readonly shm: string;
  /** What lasts as long as one run: the OCI bundle and the monitor's own files. */
  readonly run: string;
  readonly config: string;
  readonly runtimeLog: string;
  readonly pid: string;
  /** The first process's pid and start time. */
  readonly identity: string;
  readonly monitor: string;
}

/** The file that conmon is told to listen on for standard input, and the one for sizes, in a bundle. */
export const ATTACH = 'attach';
export const CONTROL = 'ctl';

export function containerPaths(dataRoot: string, runRoot: string, id: string): ContainerPaths {
  const data = join(dataRoot, 'containers', id);
  const run = join(runRoot, 'containers', id);
  return {
    data,
    log: `${data}/container.log`,
    exit: `${data}/exit`,
    upper: `${data}/upper`,
    work: `${data}/work`,
    root: `${data}/root`,
    shm: `${data}/shm`,
    run,
    config: `${run}/config.json`,
    runtimeLog: `${run}/runtime.log`,
    pid: `${run}/pid`,
    identity: `${run}/identity`,
    monitor: `${run}/monitor`,
  };
}

export function etcPath(paths: ContainerPaths, file: EtcFile): string {
  return `${paths.data}/${file}`;
}
