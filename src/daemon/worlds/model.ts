/**
 * A Linux in memory: no kernel is asked, no program run, nothing written but the API's socket, and all
 * is forgotten at the end. So it needs no root, and runs on any system.
 */
import { randomUUID } from 'node:crypto';
import type { Archives } from '../../containers/archive/archives.ts';
import { etcHolder } from '../../core/container/container.ts';
import { printNamespace } from '../../core/model/print/texts.ts';
import { Simulation } from '../../core/model/simulation.ts';
import { TraceError } from '../../core/insight/trace/question.ts';
import { EngineError } from '../../core/network/error.ts';
import { simulatedSystemFacts } from '../api/system/facts.ts';
import type { Processes } from '../api/containers/processes.ts';
import { SystemClock } from '../clock.ts';
import type { DaemonConfig } from '../config/options.ts';
import type { Build } from '../main.ts';
import type { World } from './world.ts';

export function openModel(config: DaemonConfig, build: Build): World {
  const system = simulatedSystemFacts({
    version: build.version,
    commit: build.commit ?? '',
    dataRoot: '',
    id: randomUUID(),
    insecureRegistries: config.insecureRegistries,
  });
  const simulation = new Simulation(new SystemClock(), system);
  const { kernel, runtime, images } = simulation;
  return {
    ports: { ...simulation.ports, images },
    services: {
      files: {
        surroundings: ({ container, sandbox }) => ({
          resolvConfPath: runtime.etcPath(etcHolder(container), 'resolv.conf'),
          hostnamePath: runtime.etcPath(etcHolder(container), 'hostname'),
          hostsPath: runtime.etcPath(etcHolder(container), 'hosts'),
          logPath: runtime.logPath(container.id),
          sandboxKey: sandbox && !sandbox.host ? kernel.namespacePath(sandbox.id) : '',
          layers: {},
        }),
      },
      archives: ARCHIVES,
      processes: processesOf(simulation),
      system,
    },
    gather: async (sandbox = 'host') => ({ texts: printNamespace(simulation.linux(), sandbox), problems: [] }),
    live: () => ({
      trace: async () => {
        throw new TraceError('all is simulated here: no packet can be sent, only its way be predicted');
      },
    }),
    connect: (names) => simulation.connect(names),
  };
}

function noFiles(): never {
  throw new EngineError('not-implemented', 'simulated containers have no files to copy');
}

const ARCHIVES: Archives = {
  stat: async () => noFiles(),
  read: async () => noFiles(),
  write: async () => noFiles(),
  export: async () => noFiles(),
  changes: async () => [],
  size: async () => 0,
};

function processesOf({ runtime }: Simulation): Processes {
  return {
    list: async (pids) => ({
      Titles: ['PID', 'CMD'],
      Processes: pids.map((pid) => [String(pid), `${runtime.commandOf(pid)} (simulated)`]),
    }),
    // Nothing that is simulated uses anything.
    sample: async () => undefined,
  };
}
