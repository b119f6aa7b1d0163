/**
 * The thread that talks to the kernel: the entry of a worker, which does one task after another.
 * All waiting for the kernel is done here, so that names, proxies and the API never stand still.
 */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { KernelError } from '../core/engine/kernel.ts';
import { announce } from './announce.ts';
import type { KernelObject } from '../core/plan/object.ts';
import type { Step } from '../core/plan/step.ts';
import { applySteps } from './apply.ts';
import { Elements } from './elements.ts';
import { observeFirewall } from './firewall.ts';
import { RuleHandles } from './handles.ts';
import { Iptables } from './iptables.ts';
import { enterNamespace } from './namespace.ts';
import { Namespaces } from './namespaces.ts';
import { flushUdp } from './netlink/conntrack.ts';
import { Nftables } from './nftables.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink/socket.ts';
import { observeObjects } from './observe.ts';
import { type Answer, Hearing, type Request, type Settings } from './protocol.ts';
import { observeTables } from './tables.ts';
import { ownIn, Watch } from './watch.ts';

/** How often the watches are asked (ms). netlink sockets cannot be polled by Node. */
const WATCH_INTERVAL = 200;

const port = parentPort!;
const settings = workerData as Settings;
// The thread's own namespace is the host, and so is that of the processes that it starts.
if (settings.host !== undefined) enterNamespace(settings.host);

const namespaces = new Namespaces(settings.folder);
const nft = new Nftables();
const elements = new Elements();
const iptables = new Iptables();
const handles = new RuleHandles();
const watches = new Map<number, Watch>();
const timer = setInterval(() => listen(), WATCH_INTERVAL);

const answer = (message: Answer) => port.postMessage(message);

/** As nftables names who makes a transaction: by thread. */
const thread = Number(basename(readlinkSync('/proc/thread-self')));
const isOwn = (process: number): boolean => process === thread || iptables.isOwn(process);

/** `steps`: what was done since the last call, or refused and taken back. */
function listen(steps: readonly Step<KernelObject>[] = [], areDone = true): void {
  Atomics.store(settings.hearing, Hearing.listening, 1);
  handles.listen();
  for (const [watch, listener] of watches) {
    const notice = listener.changed(
      namespaces,
      steps.length > 0 ? ownIn(listener.namespace, steps, areDone) : undefined,
    );
    if (!notice) continue;
    Atomics.add(settings.hearing, Hearing.sent, 1);
    answer({ watch, notice });
  }
  Atomics.store(settings.hearing, Hearing.listening, 0);
}

function perform(request: Request, steps: readonly Step<KernelObject>[]): unknown {
  switch (request.task) {
    case 'apply':
      return applySteps({ namespaces, tables: { nft, elements }, iptables, handles }, steps);
    case 'observe':
      // Whoever observes has heard of all that changed before.
      listen();
      return [
        ...observeObjects(namespaces, request.scope),
        ...observeFirewall(handles, request.scope),
        ...observeTables(nft, request.scope),
      ];
    case 'flush': {
      const socket = new NetlinkSocket(NETLINK_NETFILTER);
      try {
        return flushUdp(socket, request.address, request.port);
      } finally {
        socket.close();
      }
    }
    case 'announce':
      return announce(namespaces, request.presence);
    case 'watch': {
      const watch = new Watch(request.namespace, isOwn);
      watches.set(request.watch, watch);
      watch.changed(namespaces);
      return watch.ears;
    }
    case 'hear':
      return listen();
    case 'unwatch':
      watches.get(request.watch)?.close();
      return void watches.delete(request.watch);
    case 'close':
      clearInterval(timer);
      for (const watch of watches.values()) watch.close();
      nft.close();
      elements.close();
      iptables.close();
      handles.close();
      return namespaces.close();
  }
}

port.on('message', (request: Request) => {
  const steps = request.task === 'apply' ? (JSON.parse(request.steps) as Step<KernelObject>[]) : [];
  // What changed until now was somebody else's doing.
  if (steps.length > 0) listen();
  let areDone = false;
  try {
    answer({ id: request.id, value: perform(request, steps) });
    // With the port the last thing goes that keeps the thread.
    if (request.task === 'close') port.close();
    areDone = true;
  } catch (error) {
    const { message, code = '' } = error as Error & { readonly code?: string };
    const refused = error instanceof KernelError ? error.step : undefined;
    const step = steps.findIndex((candidate) => candidate === refused);
    answer({ id: request.id, refusal: { message, code, step } });
  }
  if (steps.length > 0) listen(steps, areDone);
});
