/** What is heard of a container and said to it: logs, attach, exec. */
import { RuntimeError, type ExecProcess, type LogQuery, type OutputChunk } from '../../../core/engine/runtime.ts';
import type { ExecView } from '../../../core/engine/engine.ts';
import { EngineError } from '../../../core/network/error.ts';
import { readJson, readOptionalJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import type { Query } from '../http/query.ts';
import { isRefusal } from '../http/errors.ts';
import { empty, hijack, json, stream, type Reply } from '../http/reply.ts';
import type { Routes } from '../http/router.ts';
import { readInstant } from '../http/time.ts';
import type { Services } from '../services.ts';
import { converse } from '../streams/converse.ts';
import { parseDetachKeys } from '../streams/detach.ts';
import { encoded } from '../streams/frame.ts';
import { timestamped } from '../streams/timestamps.ts';
import { decodeExec, decodeExecStart } from './decode.ts';
import { readSize } from './routes.ts';

const RAW = 'application/vnd.docker.raw-stream';
const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream';
/** From this version on the content type says whether there are frames. */
const NAMES_FRAMES = 42;

const contentType = (version: number, tty: boolean): string => (version >= NAMES_FRAMES && !tty ? MULTIPLEXED : RAW);

export function streamRoutes({ engine: { containers } }: Services): Routes {
  const logs = ({ params, query, version }: Call): Reply => {
    const request = readLogQuery(query);
    const { container } = containers.get(params['id']!);
    const output = containers.logs(container.id, request);
    const { Tty: tty } = container.config;
    const body = encoded(query.flag('timestamps') ? timestamped(output) : output, tty);
    return version >= NAMES_FRAMES ? stream(body, contentType(version, tty)) : stream(body);
  };

  const attach = async ({ query, params, version }: Call): Promise<Reply> => {
    const keys = parseDetachKeys(query.text('detachKeys'));
    const attachment = await containers.attach(params['id']!, {
      logs: query.flag('logs'),
      stream: query.flag('stream'),
      stdin: query.flag('stdin'),
      stdout: query.flag('stdout'),
      stderr: query.flag('stderr'),
    });
    const dialogue = { ...attachment, detachKeys: attachment.tty ? keys : undefined };
    return hijack(contentType(version, attachment.tty), (connection) => converse(connection, dialogue));
  };

  const createExec = async (call: Call): Promise<Reply> => {
    const request = decodeExec(await readJson(call));
    if (request.detachKeys) parseDetachKeys(request.detachKeys);
    return json({ Id: await containers.createExec(call.params['id']!, request) }, 201);
  };

  const startExec = async (call: Call): Promise<Reply> => {
    const id = call.params['id']!;
    const { Detach: detach, Tty: tty } = decodeExecStart(await readOptionalJson(call));
    const { spec } = containers.getStartableExec(id);
    if (detach) {
      discard((await containers.startExec(id, { tty: spec.tty })).output);
      return empty(200);
    }
    const detachKeys = spec.tty ? parseDetachKeys(spec.detachKeys ?? '') : undefined;
    // The head goes out before the process starts, as Docker's does: docker-py loses what comes together with it.
    return hijack(contentType(call.version, tty), async (connection) => {
      let process: ExecProcess;
      try {
        process = await containers.startExec(id, { tty: spec.tty });
      } catch (error) {
        // What cannot be executed is told as output, beside the exit code that inspection shows.
        if (!(error instanceof RuntimeError || isRefusal(error))) throw error;
        const output = once({ stream: 'stdout', data: Buffer.from(`${error.message}\r\n`), time: '' });
        return converse(connection, { output, input: undefined, tty, detachKeys });
      }
      const input = spec.stdin ? process.input : undefined;
      await converse(connection, { output: process.output, input, tty, detachKeys });
      await settled(process.exited, connection.gone);
    });
  };

  return {
    'GET /containers/{id}/logs': logs,
    'POST /containers/{id}/attach': attach,
    'POST /containers/{id}/exec': createExec,
    'POST /exec/{id}/start': startExec,
    'GET /exec/{id}/json': ({ params }) => json(presentExec(containers.getExec(params['id']!))),
    'POST /exec/{id}/resize': async ({ params, query }) => {
      await containers.resizeExec(params['id']!, ...readSize(query));
      return empty(200);
    },
  };
}

/** How long (ms) a process that closed its output itself may keep its client waiting. */
const LAST_WORDS = 2000;

/** A client asks for the exit code when the connection ends: it must be known by then. */
function settled(exited: Promise<number>, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      gone.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, LAST_WORDS);
    gone.addEventListener('abort', finish);
    exited.then(finish, finish);
    if (gone.aborted) finish();
  });
}

export function readLogQuery(query: Query): LogQuery {
  const [stdout, stderr] = [query.flag('stdout'), query.flag('stderr')];
  if (!stdout && !stderr) throw new EngineError('invalid', 'Bad parameters: you must choose at least one stream');
  const tail = /^\d+$/.test(query.text('tail')) ? Number(query.text('tail')) : undefined;
  const since = readInstant(query.text('since'));
  const until = readInstant(query.text('until'));
  return {
    stdout,
    stderr,
    follow: query.flag('follow'),
    ...(tail === undefined ? {} : { tail }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

function presentExec({ spec, running, exitCode, pid }: ExecView): object {
  const [entrypoint = '', ...args] = spec.args;
  return {
    ID: spec.id,
    Running: running,
    ExitCode: exitCode,
    ProcessConfig: {
      tty: spec.tty,
      entrypoint,
      arguments: args,
      privileged: spec.privileged,
      ...(spec.user ? { user: spec.user } : {}),
    },
    OpenStdin: spec.stdin,
    OpenStderr: true,
    OpenStdout: true,
    CanRemove: false,
    ContainerID: spec.containerId,
    DetachKeys: Buffer.from(spec.detachKeys ?? '').toString('base64'),
    Pid: pid,
  };
}

async function* once(chunk: OutputChunk): AsyncGenerator<OutputChunk> {
  yield chunk;
}

/** Output that nobody wants must still be taken, or the process would wait for ever. */
function discard(output: AsyncIterable<OutputChunk>): void {
  const drain = async (): Promise<void> => {
    for await (const _ of output);
  };
  // A process whose output breaks off has ended, which its exit code tells.
  drain().catch(() => undefined);
}
