import type { Work } from './work.ts';
import { compose } from './work/compose.ts';
import { connecting } from './work/connect.ts';
import { container } from './work/container.ts';
import { growth } from './work/growth.ts';
import { hundred } from './work/hundred.ts';
import { insight } from './work/insight.ts';
import { latency } from './work/latency.ts';
import { memory } from './work/memory.ts';
import { names } from './work/names.ts';
import { network } from './work/network.ts';
import { plugins } from './work/plugins.ts';
import { restore } from './work/restore.ts';
import { throughput } from './work/throughput.ts';

/** All that can be measured, in the order in which it is done. */
export const WORKS: readonly Work[] = [
  network,
  connecting,
  container,
  latency,
  growth,
  throughput,
  names,
  memory,
  compose,
  plugins,
  restore,
  hundred,
  insight,
];
