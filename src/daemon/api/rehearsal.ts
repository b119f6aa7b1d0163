/** What changes would do to the host: `?dryRun=1` on one, and a list of some that come after each other. */
import { Readable } from 'node:stream';
import * as v from 'valibot';
import type { Rehearsal } from '../../core/engine/engine.ts';
import { EngineError } from '../../core/network/error.ts';
import { summarize } from '../../core/plan/print.ts';
import type { Step } from '../../core/plan/step.ts';
import { readJson } from './http/body.ts';
import type { Call } from './http/call.ts';
import { dispatch } from './http/dispatch.ts';
import { errorReply } from './http/errors.ts';
import { json, type Reply } from './http/reply.ts';
import { Router, type Routes } from './http/router.ts';
import type { Services } from './services.ts';
import { printVersion } from './http/version.ts';

type MakeRoutes = (services: Services) => Routes;

const REQUESTS = v.array(
  v.object({ method: v.picklist(['GET', 'POST', 'DELETE']), path: v.string(), body: v.optional(v.unknown()) }),
);

export const isDryRun = ({ query }: Call): boolean => query.flag('dryRun');

export const planReply = (steps: readonly Step[]): Reply => json({ steps, summary: summarize(steps) });

/** The routes; a change with `?dryRun=1` is rehearsed instead of done. */
export function withDryRuns(services: Services, ...tables: readonly MakeRoutes[]): Routes {
  const routes = tables.flatMap((make) =>
    Object.entries(make(services)).map(([route, handler]) => {
      const rehearsed = (call: Call): Promise<Reply> =>
        rehearsing(services, async (rehearsal, stand) => {
          await make(stand)[route]!(call);
          return planReply(rehearsal.steps);
        });
      return [route, (call: Call) => (isDryRun(call) ? rehearsed(call) : handler(call))] as const;
    }),
  );
  return Object.fromEntries([...routes, ['POST /passerelle/plan', planned(services, tables)]]);
}

type PlannedRequest = v.InferOutput<typeof REQUESTS>[number];

interface Rehearsed {
  /** What each request would answer. */
  readonly answers: readonly { readonly status: number; readonly body: string }[];
  /** What all of them would do. */
  readonly steps: readonly Step[];
}

const planned =
  (services: Services, tables: readonly MakeRoutes[]) =>
  async (call: Call): Promise<Reply> => {
    const asked = v.safeParse(REQUESTS, await readJson(call));
    if (!asked.success)
      throw new EngineError(
        'invalid',
        `a plan is asked for by a list of {method, path, body}: ${asked.issues[0].message}`,
      );
    const { answers, steps } = await rehearseAll(services, tables, asked.output, call);
    return json({ answers, steps, summary: summarize(steps) });
  };

/** Each request of a list after the ones before it. */
function rehearseAll(
  services: Services,
  tables: readonly MakeRoutes[],
  requests: readonly PlannedRequest[],
  { version, gone }: Pick<Call, 'version' | 'gone'>,
): Promise<Rehearsed> {
  return rehearsing(services, async ({ steps }, stand) => {
    const router = new Router(...tables.map((make) => make(stand)));
    const answers: { status: number; body: string }[] = [];
    for (const { method, path, body } of requests) {
      const reply = await dispatch(router, method, `/v${printVersion(version)}${path}`, {
        headers: { 'content-type': 'application/json' },
        body: Readable.from(body === undefined ? [] : [Buffer.from(JSON.stringify(body))]),
        gone: { signal: gone },
      }).catch(errorReply);
      answers.push(reply.kind === 'body' ? { status: reply.status, body: reply.body } : { status: 200, body: '' });
    }
    return { answers, steps };
  });
}

async function rehearsing<T>(
  services: Services,
  act: (rehearsal: Rehearsal, stand: Services) => Promise<T>,
): Promise<T> {
  const rehearsal = services.engine.rehearse();
  try {
    const { networks, containers, volumes } = rehearsal;
    return await act(rehearsal, { ...services, engine: { ...services.engine, networks, containers }, volumes });
  } finally {
    rehearsal.close();
  }
}
