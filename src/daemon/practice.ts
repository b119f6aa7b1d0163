/**
 * The first changes that a process makes run through code that V8 has not compiled, and take half as long again.
 * So a daemon that has started rehearses the common ones until it has.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Images } from '../core/engine/images.ts';
import { NEWEST } from './api/http/version.ts';
import { type PlannedRequest, type Rehearsed, rehearseAll } from './api/rehearsal.ts';
import { changeRoutes } from './api/routes.ts';
import type { Services } from './api/services.ts';

/** Measured: further ones make no change faster. */
const ROUNDS = 60;

const NAME = 'passerelle-practice';

const PORTS = Array.from({ length: 10 }, (_, index) => `${index + 80}/tcp`);

const IMAGES: Images = { find: async () => ({ id: `sha256:${'0'.repeat(64)}`, config: {} }) };

const REQUESTS: readonly PlannedRequest[] = [
  { method: 'POST', path: '/networks/create', body: { Name: NAME, CheckDuplicate: true } },
  {
    method: 'POST',
    path: `/containers/create?name=${NAME}`,
    body: {
      Image: NAME,
      Cmd: ['true'],
      ExposedPorts: Object.fromEntries(PORTS.map((port) => [port, {}])),
      HostConfig: { PortBindings: Object.fromEntries(PORTS.map((port) => [port, [{ HostPort: '' }]])) },
    },
  },
  { method: 'POST', path: `/containers/${NAME}/start` },
  { method: 'POST', path: `/networks/${NAME}/connect`, body: { Container: NAME } },
  { method: 'POST', path: `/networks/${NAME}/disconnect`, body: { Container: NAME } },
  { method: 'DELETE', path: `/containers/${NAME}?force=1` },
  { method: 'DELETE', path: `/networks/${NAME}` },
];

/** Ends after the rounds or with `stopping`; what is asked of the daemon meanwhile comes between two of them. */
export async function practise(services: Services, stopping: AbortSignal): Promise<void> {
  for (let round = 0; round < ROUNDS && !stopping.aborted; round += 1) {
    await rehearseOnce(services, stopping);
    await turn();
  }
}

/** What the changes would be answered. */
export async function rehearseOnce(services: Services, gone: AbortSignal): Promise<Rehearsed['answers']> {
  const engine = { ...services.engine, rehearse: () => services.engine.rehearse(IMAGES) };
  const stand = { ...services, engine };
  return (await rehearseAll(stand, changeRoutes, REQUESTS, { version: NEWEST, gone })).answers;
}
