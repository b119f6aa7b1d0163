/** What no other engine's API tells: the host explained. */
import { examine, isKnown } from '../../../core/insight/doctor/doctor.ts';
import { factsOf } from '../../../core/insight/doctor/facts.ts';
import { select } from '../../../core/insight/explain/select.ts';
import { explainEngine } from '../../../core/insight/explain/snapshot.ts';
import { traceSnapshot } from '../../../core/insight/snapshot/trace.ts';
import { TraceError, type TraceQuestion } from '../../../core/insight/trace/question.ts';
import { EngineError } from '../../../core/network/error.ts';
import { traceGrowing } from '../../insight/traced.ts';
import { isDryRun, planReply } from '../rehearsal.ts';
import type { Call } from '../http/call.ts';
import { json, type Reply } from '../http/reply.ts';
import type { Routes } from '../http/router.ts';
import type { Services } from '../services.ts';

const TRACE_STATES = ['new', 'established', 'invalid'] as const;

function questionOf(query: Call['query']): TraceQuestion {
  const state = TRACE_STATES.find((known) => known === query.text('state'));
  if (query.has('state') && !state) throw new EngineError('invalid', `there is no state ${query.text('state')}`);
  const network = query.text('network');
  return {
    from: query.text('from') || 'world',
    to: query.text('to'),
    ...(network && { network }),
    ...(state && { state }),
  };
}

export function insightRoutes({ engine, snapshots, live }: Services): Routes {
  const explained = async ({ query }: Call): Promise<Reply> => {
    const [network, container, rule] = ['network', 'container', 'rule'].map((name) => query.text(name));
    // What is not there is refused, in the words that are known.
    const networkName = network ? engine.networks.get(network).network.name : undefined;
    const containerName = container ? engine.containers.get(container).container.name : undefined;
    const observed = await engine.inspection.observed();
    const entries = explainEngine({ desired: engine.inspection.desired(), observed }, await snapshots.host());
    return json(
      select(entries, {
        ...(networkName !== undefined && { network: networkName }),
        ...(containerName !== undefined && { container: containerName }),
        ...(rule && { rule }),
      }),
    );
  };

  const doctor = async ({ query }: Call): Promise<Reply> => {
    const about = query.text('about') || undefined;
    const facts = factsOf(await snapshots.take());
    if (about !== undefined && !isKnown(facts, about)) {
      throw new EngineError('not-found', `No such container or published port: ${about}`);
    }
    return json(examine(facts, about));
  };

  const traced =
    (trace: (question: TraceQuestion) => Promise<unknown>) =>
    async ({ query }: Call): Promise<Reply> => {
      try {
        return json(await trace(questionOf(query)));
      } catch (error) {
        if (error instanceof TraceError) throw new EngineError('invalid', error.message, { cause: error });
        throw error;
      }
    };

  const repair = async (call: Call): Promise<Reply> =>
    planReply(isDryRun(call) ? await engine.inspection.plan() : await engine.inspection.repair());

  return {
    'GET /passerelle/doctor': doctor,
    'GET /passerelle/explain': explained,
    'GET /passerelle/snapshot': async () => json(await snapshots.take()),
    'GET /passerelle/trace': traced(async (question) => {
      const { trace } = await traceGrowing(snapshots, question, (snapshot) => traceSnapshot(snapshot, question));
      return trace;
    }),
    // It sends a packet.
    'POST /passerelle/trace': traced((question) => live.trace(question)),
    'POST /passerelle/repair': repair,
  };
}
