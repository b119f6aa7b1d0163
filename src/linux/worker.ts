/**
 * The thread that talks to the kernel: the entry of a worker, which does one task after another.
 * All waiting for the kernel is done here, so that names, proxies and the API never stand still.
 */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { KernelError } from '../core/engine/kernel.ts';
import type { KernelObject } from '../core/plan/object.ts';
import type { Step } from '../core/plan/step.ts';
import { Ground } from './ground.ts';
import { withNamespace } from './namespace.ts';
import { type Answer, Hearing, type Opening, type Request, type Settings } from './protocol.ts';

/** How often is looked for what the kernel has told (ms). netlink sockets cannot be polled by Node. */
const LISTEN_INTERVAL = 200;

/** As nftables names who makes a transaction: by thread. */
const THREAD = Number(basename(readlinkSync('/proc/thread-self')));

/** A ground, and the thread's way to it. */
interface Place {
  readonly ground: Ground;
  /** The path of the namespace that is its host; undefined: the thread's own. */
  readonly host: string | undefined;
}

const port = parentPort!;
const { hearing } = workerData as Settings;
const places = new Map<number, Place>();
const timer = setInterval(() => {
  for (const place of places.values()) listen(place);
}, LISTEN_INTERVAL);

const answer = (message: Answer) => port.postMessage(message);

/** `steps`: what was done since the last call, or refused and taken back. */
function listen({ ground }: Place, steps?: readonly Step<KernelObject>[], areDone?: boolean): void {
  Atomics.store(hearing, Hearing.listening, 1);
  ground.listen(steps, areDone);
  Atomics.store(hearing, Hearing.listening, 0);
}

function tell(watch: number, notice: Extract<Answer, { watch: number }>['notice']): void {
  Atomics.add(hearing, Hearing.sent, 1);
  answer({ watch, notice });
}

type Asked = Exclude<Request, Opening>;

function perform(request: Asked, place: Place, steps: readonly Step<KernelObject>[]): unknown {
  if (request.task !== 'close') {
    const run = () => performInside(request, place, steps);
    return place.host === undefined ? run() : withNamespace(place.host, run);
  }
  places.delete(request.ground);
  return place.ground.close();
}

function performInside(
  request: Exclude<Asked, { task: 'close' }>,
  place: Place,
  steps: readonly Step<KernelObject>[],
): unknown {
  const { ground } = place;
  switch (request.task) {
    case 'apply':
      return ground.apply(steps);
    case 'observe':
      // Whoever observes has heard of all that changed before.
      listen(place);
      return ground.observe(request.scope);
    case 'flush':
      return ground.flush(request.address, request.port);
    case 'announce':
      return ground.announce(request.presence);
    case 'watch':
      return ground.watch(request.watch, request.namespace);
    case 'hear':
      return listen(place);
    case 'unwatch':
      return ground.unwatch(request.watch);
  }
}

port.on('message', (request: Request) => {
  if (request.task === 'open') {
    const { ground, folder, host } = request;
    places.set(ground, { ground: new Ground(folder, (thread) => thread === THREAD, tell), host });
    return;
  }
  const place = places.get(request.ground)!;
  const steps = request.task === 'apply' ? (JSON.parse(request.steps) as Step<KernelObject>[]) : [];
  // What changed until now was somebody else's doing.
  if (steps.length > 0) listen(place);
  let areDone = false;
  try {
    const value = perform(request, place, steps);
    answer(value === undefined ? request.id : { id: request.id, value });
    areDone = true;
  } catch (error) {
    const { message, code = '' } = error as Error & { readonly code?: string };
    const refused = error instanceof KernelError ? error.step : undefined;
    const step = steps.findIndex((candidate) => candidate === refused);
    answer({ id: request.id, refusal: { message, code, step } });
  }
  if (steps.length > 0) listen(place, steps, areDone);
  if (places.size > 0) return;
  clearInterval(timer);
  // With the port the last thing goes that keeps the thread.
  port.close();
});
