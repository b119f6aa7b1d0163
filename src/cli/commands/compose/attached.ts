import { stopTasks } from '../../../core/compose/down.ts';
import * as label from '../../../core/compose/labels.ts';
import { isRunning, labelOf, nameOf } from '../../../core/compose/present.ts';
import type { PresentContainer } from '../../../core/compose/present.ts';
import type { Project } from '../../../core/compose/project.ts';
import type { Service } from '../../../core/compose/service.ts';
import { apiPath } from '../../../core/compose/task.ts';
import type { Context } from '../../command.ts';
import { printLogs } from '../../compose/follow.ts';
import { perform } from '../../compose/perform.ts';
import { projectContainers } from '../../compose/state.ts';
import { shortName } from './project.ts';

interface AttachFlags {
  readonly 'abort-on-container-exit': boolean;
  readonly 'no-color': boolean;
  readonly 'no-log-prefix': boolean;
  readonly timeout: number | undefined;
}

/** Shows the output until all containers have ended, or the user stops them: gently at the first ctrl-C, at once at the second. */
export async function stayAttached(
  context: Context,
  project: Project,
  services: readonly Service[],
  flags: AttachFlags,
): Promise<number> {
  const names = new Set(services.map((service) => service.name));
  const containers = (await projectContainers(context, project.name)).filter(
    (each) => names.has(labelOf(each, label.SERVICE)) && isRunning(each),
  );
  const sources = containers.map((each) => ({ id: each.Id, name: shortName(project, each) }));
  context.out.write(`Attaching to ${containers.map(nameOf).join(', ')}\n`);
  const abort = new AbortController();
  let stopped = 0;
  const interrupt = (): void => {
    if (++stopped === 1) context.err.write('Gracefully stopping... (press Ctrl+C again to force)\n');
    abort.abort();
    if (stopped > 1) void killAll(context, containers);
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    const logs = printLogs(context, sources, {
      follow: true,
      tail: 'all',
      timestamps: false,
      colour: context.out.isTTY && !flags['no-color'],
      prefix: !flags['no-log-prefix'],
      signal: abort.signal,
    });
    const ends = sources.map((source) =>
      announceExit(context, source.id, nameOf(containers.find((each) => each.Id === source.id)!), abort.signal),
    );
    const first = flags['abort-on-container-exit'] ? Promise.race(ends) : Promise.all(ends);
    const code = await Promise.race([first, aborted(abort.signal)]);
    if (stopped === 0 && flags['abort-on-container-exit']) {
      context.out.write('Aborting on container exit...\n');
      abort.abort();
    }
    await Promise.allSettled([logs, ...ends]);
    if (!abort.signal.aborted) return 0;
    await perform(context, stopTasks(project, await projectContainers(context, project.name), flags.timeout));
    return stopped > 0 ? 0 : typeof code === 'number' ? code : 0;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function killAll(context: Context, containers: readonly PresentContainer[]): Promise<void> {
  // What has ended meanwhile cannot be killed, which is as good.
  await Promise.allSettled(
    containers.map((each) => context.client.text('POST', `${apiPath('containers', each.Id)}/kill`)),
  );
}

async function announceExit(context: Context, id: string, name: string, signal: AbortSignal): Promise<number> {
  try {
    const { StatusCode } = await context.client.json<{ StatusCode: number }>(
      'POST',
      `${apiPath('containers', id)}/wait`,
      { signal },
    );
    context.out.write(`${name} exited with code ${StatusCode}\n`);
    return StatusCode;
  } catch (error) {
    if (signal.aborted) return 0;
    throw error;
  }
}
