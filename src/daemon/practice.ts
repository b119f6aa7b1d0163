/**
 * The first changes that a process makes run through code that V8 has not compiled, and take half as long again.
 * So a daemon that has started practises the common ones until it has, on a host of its own and through its own API:
 * what was not practised too stays slow.
 */
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import type { EngineSettings } from '../core/engine/settings.ts';
import { startEngine } from '../core/engine/start.ts';
import { ApiServer } from './api/http/server.ts';
import { NEWEST, printVersion } from './api/http/version.ts';
import { apiRouter } from './api/routes.ts';
import type { Services } from './api/services.ts';
import { listen } from './listen.ts';
import type { PracticeGround } from './worlds/world.ts';

const ROUNDS = 60;

/** How much of a function V8 runs (bytes of its bytecode) before it thinks of compiling it: while practising, and by itself. */
const HASTE = '--interrupt-budget=8000';
const PATIENCE = '--interrupt-budget=67584';

/** Every so many rounds a container comes and goes too, which takes longest. */
const CONTAINER_ROUNDS = 4;

/** How long nobody must have asked the daemon for anything (ms). */
const QUIET = 500;

const IMAGE = 'practice';
const NETWORK = 'practice-network';
const MEMBER = 'practice-member';
const PUBLISHER = 'practice-publisher';

const PORTS = Array.from({ length: 10 }, (_, index) => `${index + 80}/tcp`);

interface Change {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

function run(name: string, ports: readonly string[]): readonly Change[] {
  const body = {
    Image: IMAGE,
    Cmd: ['true'],
    ExposedPorts: Object.fromEntries(ports.map((port) => [port, {}])),
    HostConfig: { PortBindings: Object.fromEntries(ports.map((port) => [port, [{ HostPort: '' }]])) },
  };
  return [
    { method: 'POST', path: `/containers/create?name=${name}`, body },
    { method: 'POST', path: `/containers/${name}/start` },
  ];
}

const PREPARATION = run(MEMBER, []);
const NETWORK_ROUND: readonly Change[] = [
  { method: 'POST', path: '/networks/create', body: { Name: NETWORK, CheckDuplicate: true } },
  { method: 'POST', path: `/networks/${NETWORK}/connect`, body: { Container: MEMBER } },
  { method: 'POST', path: `/networks/${NETWORK}/disconnect`, body: { Container: MEMBER } },
  { method: 'DELETE', path: `/networks/${NETWORK}` },
];
const CONTAINER_ROUND = [...run(PUBLISHER, PORTS), { method: 'DELETE', path: `/containers/${PUBLISHER}?force=1` }];

/** All that is practised, one after another. */
function* changes(): Iterable<Change> {
  yield* PREPARATION;
  for (let round = 0; round < ROUNDS; round += 1) {
    yield* NETWORK_ROUND;
    if (round % CONTAINER_ROUNDS === 0) yield* CONTAINER_ROUND;
  }
}

/** What the daemon that practises has besides its ground. */
export interface Practising {
  readonly services: Services;
  readonly settings: EngineSettings;
  readonly version: string;
  /** How long nobody has asked the daemon for anything (ms). */
  readonly quiet: () => number;
  readonly stopping: AbortSignal;
}

/** Ends when all was practised, or with `stopping`. While the daemon is asked for something it waits. */
export async function practise(open: () => PracticeGround, practising: Practising): Promise<void> {
  if (!(await quietness(practising))) return;
  const ground = open();
  const agent = new Agent({ keepAlive: true });
  setFlagsFromString(HASTE);
  try {
    await practiseOn(ground, practising, async (change) => ask(agent, ground.socket, change));
  } finally {
    setFlagsFromString(PATIENCE);
    agent.destroy();
    await ground.close();
  }
}

async function practiseOn(
  { ports, connect, socket }: PracticeGround,
  practising: Practising,
  perform: (change: Change) => Promise<void>,
): Promise<void> {
  const { services, settings, version } = practising;
  // There is no other bridge than the one that the engine makes.
  const defaultBridge = { ...settings.defaultBridge, bridge: '' };
  const engine = await startEngine(ports, { ...settings, defaultBridge }, connect);
  const { volumes } = ports;
  const router = apiRouter({ ...services, engine, volumes });
  const api = new ApiServer({ router, version, log: { debug: () => undefined, error: () => undefined } });
  try {
    await listen(api.server(), { kind: 'unix', path: socket }, '');
    for (const change of changes()) {
      if (!(await quietness(practising))) return;
      await perform(change);
    }
  } finally {
    await api.close();
    await engine.close();
  }
}

/** Resolves when nobody has asked for a while: true; or the daemon stops: false. */
async function quietness({ quiet, stopping }: Practising): Promise<boolean> {
  for (let rest; !stopping.aborted && (rest = QUIET - quiet()) > 0;) {
    await pause(rest, undefined, { signal: stopping }).catch(() => undefined);
  }
  return !stopping.aborted;
}

function ask(agent: Agent, socketPath: string, { method, path, body }: Change): Promise<void> {
  const content = body === undefined ? '' : JSON.stringify(body);
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(content) };
  return new Promise((resolve, reject) => {
    request({ agent, socketPath, method, path: `/v${printVersion(NEWEST)}${path}`, headers }, (response) => {
      response.resume();
      response.once('end', () =>
        response.statusCode! < 400 ? resolve() : reject(new Error(`${method} ${path}: ${response.statusCode}`)),
      );
    })
      .once('error', reject)
      .end(content);
  });
}
