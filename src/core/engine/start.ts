/** The engine's start: records read, predefined networks made, what runs found again, the kernel put right. */
import { type ContainerRecord, isAlive } from '../container/container.ts';
import { withHealth } from '../container/health.ts';
import { wantsStart } from '../container/restart.ts';
import { desiredObjects, planner } from './blueprint.ts';
import { assemble } from './assembly.ts';
import type { ContainerUseCases } from './containers.ts';
import type { Context, Ports } from './context.ts';
import { isFirewall } from '../firewall/layout.ts';
import { formerFirewall, noteFirewall } from './former-firewall.ts';
import { Directory } from './directory.ts';
import type { EngineApi } from './engine.ts';
import { closeSandbox } from './endpoints.ts';
import { Events } from './event.ts';
import { settleForwarding } from './forwarding.ts';
import { Maintenance } from './maintenance.ts';
import { settlePredefined } from './predefined.ts';
import { Ledger } from './records.ts';
import { rehearse } from './rehearsal/rehearsal.ts';
import { followResolvConf } from './resolv-conf.ts';
import type { Exit } from './runtime.ts';
import type { EngineSettings } from './settings.ts';
import { Transactions, type Intent } from './transaction.ts';

export interface Engine extends EngineApi {
  /** Who is known by which name; the sockets port's name servers ask it. */
  readonly directory: Directory;
  /** Compares what is desired with what is there, and repairs the difference; gives the number of steps. */
  repair(): Promise<number>;
  /** Stops following; containers and their networks stay as they are. */
  close(): Promise<void>;
}

/**
 * @param ports the name servers of `ports.sockets` ask the directory that `connect` is called with
 * @throws what the store or the kernel refuse: the daemon must not start then
 */
export async function startEngine(
  ports: Ports,
  asked: EngineSettings,
  connect: (directory: Directory) => void,
): Promise<Engine> {
  const contents = await ports.store.load();
  const settings = await settleForwarding(ports, contents, asked);
  const ledger = new Ledger(contents);
  const directory = new Directory(ledger, settings.dns);
  const resolvConf = await followResolvConf(ports, directory);
  connect(directory);
  const transactions = new Transactions(ledger, ports.store, ports.kernel, ports.sockets, planner(settings));
  const context: Context = { ...ports, settings, ledger, transactions, events: new Events() };
  const assembly = assemble(context);
  const { allocator, connectivity, containers, networks } = assembly;
  allocator.watch();
  await allocator.refreshPools();
  const former = formerFirewall(contents);
  const written = former ? desiredObjects(ledger, { firewall: former }).filter((object) => isFirewall(object)) : [];
  const ends = await findEnded(context);
  const unstarted = findUnstarted(ledger);
  await transactions.adopt((draft) => {
    for (const { id } of unstarted) closeSandbox(draft, id);
    for (const { container, exit } of ends) {
      closeSandbox(draft, container.id);
      draft.container.put(withHealth(container, endedRecord(container, exit)));
    }
    settlePredefined(draft, allocator, context);
  });
  const pending = contents.pending as readonly Intent[];
  for (const { container } of pending) {
    if (container && !ledger.container.get(container)) await ports.runtime.remove(container);
  }
  transactions.leave([...written, ...pending.flatMap(({ objects }) => objects)]);
  const maintenance = new Maintenance(context);
  await maintenance.restore();
  await noteFirewall(ports, former, settings.firewall);
  for (const { id } of [...unstarted, ...ends.map(({ container }) => container)]) await ports.runtime.clean(id);
  for (const container of ledger.container.values()) {
    if (!isAlive(container)) continue;
    await connectivity.files.update(container.id);
    containers.lifecycle.watch(container.id);
    if (container.state.status === 'running') containers.healthChecks.begin(container.id);
  }
  await startWanted(context, containers, new Set(ends.map(({ container }) => container.id)));
  maintenance.watch();

  return {
    networks,
    containers,
    inspection: {
      desired: () => desiredObjects(ledger, settings),
      observed: () => maintenance.observe(),
      plan: () => maintenance.plan(),
      repair: () => maintenance.repair(),
    },
    events: context.events,
    rehearse: () => rehearse(context),
    directory,
    repair: async () => (await maintenance.repair()).length,
    close: async () => {
      resolvConf.close();
      maintenance.close();
      assembly.close();
      await transactions.quietly(async () => undefined);
    },
  };
}

interface Ended {
  readonly container: ContainerRecord;
  readonly exit: Exit;
}

/** Containers that the records know as running, and that ended while no engine looked. */
async function findEnded({ ledger, runtime }: Context): Promise<readonly Ended[]> {
  const ended: Ended[] = [];
  for (const container of ledger.container.values()) {
    const { status, exitCode, oomKilled, finishedAt } = container.state;
    if (status === 'restarting') ended.push({ container, exit: { exitCode, oomKilled, at: finishedAt } });
    if (!isAlive(container) || (await runtime.adopt(container.id)) !== null) continue;
    ended.push({ container, exit: await runtime.exited(container.id) });
  }
  return ended;
}

/** Containers that an engine was about to start when it died: they have a sandbox, and nobody was told that they run. */
function findUnstarted(ledger: Ledger): readonly ContainerRecord[] {
  return [...ledger.sandbox.values()].flatMap(({ containerId }) => {
    const container = ledger.container.get(containerId);
    return container && !isAlive(container) ? [container] : [];
  });
}

function endedRecord(container: ContainerRecord, exit: Exit): ContainerRecord {
  return {
    ...container,
    state: {
      ...container.state,
      status: 'exited',
      pid: 0,
      exitCode: exit.exitCode,
      oomKilled: exit.oomKilled,
      finishedAt: exit.at,
    },
  };
}

/**
 * Ends removals that were begun, and starts what its restart policy wants running. One that fails does
 * not keep the others from it.
 */
async function startWanted(context: Context, containers: ContainerUseCases, ended: ReadonlySet<string>): Promise<void> {
  const { ledger, log } = context;
  for (const container of ledger.container.values()) {
    const { id, name, hostConfig, state } = container;
    if (isAlive(container) || state.status === 'created' || state.status === 'dead') continue;
    const running = ended.has(id);
    try {
      if (state.status === 'removing' || (hostConfig.AutoRemove && running)) {
        await containers.remove(id, { force: true, volumes: hostConfig.AutoRemove });
      } else if (wantsStart(hostConfig.RestartPolicy, { ...state, running })) {
        await containers.start(id);
      }
    } catch (error) {
      log.warn(`container ${name} could not be started again or removed: ${String(error)}`);
    }
  }
}
