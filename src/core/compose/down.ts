/** What is there of a project -> what is to be done so that nothing is left. */
import { stopSeconds } from './container.ts';
import * as label from './labels.ts';
import { isRunning, labelOf, nameOf, orphans } from './present.ts';
import type { Present, PresentContainer } from './present.ts';
import { dependencies } from './project.ts';
import type { Project } from './project.ts';
import { apiPath, line } from './task.ts';
import type { Task } from './task.ts';
import { orphanWarning, removeOrphans, stopCall } from './up.ts';
import type { Plan } from './up.ts';

export interface DownOptions {
  readonly removeOrphans: boolean;
  /** Also the volumes that the file names, and the containers' anonymous ones. */
  readonly volumes: boolean;
  /** `all`: also the images that services use. */
  readonly images: 'all' | 'none';
  readonly stopSeconds?: number | undefined;
}

/** Stops what runs: dependents before what they depend on. */
export function stopTasks(
  project: Project,
  containers: readonly PresentContainer[],
  seconds: number | undefined,
): readonly Task[] {
  const service = (each: PresentContainer) =>
    project.services.find((candidate) => candidate.name === labelOf(each, label.SERVICE));
  const running = containers.filter(isRunning);
  return running.map((each) => {
    const own = service(each)?.name;
    const dependents = running.filter((other) => own !== undefined && dependenciesOf(service(other)).includes(own));
    return {
      id: `stop ${each.Id}`,
      after: dependents.map((other) => `stop ${other.Id}`),
      says: { verb: 'Stopping', name: nameOf(each) },
      waits: [],
      calls: [stopCall(each.Id, seconds ?? secondsOf(service(each)))],
    };
  });
}

function dependenciesOf(service: Project['services'][number] | undefined): readonly string[] {
  return service ? dependencies(service) : [];
}

function secondsOf(service: Project['services'][number] | undefined): number | undefined {
  return service && stopSeconds(service);
}

export function planDown(project: Project, present: Present, options: DownOptions): Plan {
  const known = new Set(project.services.map((service) => service.name));
  const lost = orphans(present, known);
  const own = present.containers.filter((each) => !lost.includes(each));
  const stops = stopTasks(project, own, options.stopSeconds);
  const removals = own.map((each): Task => ({
    id: `remove ${each.Id}`,
    after: stops.map((task) => task.id),
    says: { verb: 'Removing', name: nameOf(each) },
    waits: [],
    calls: [{ method: 'DELETE', path: `${apiPath('containers', each.Id)}?v=${options.volumes}`, mayBeGone: true }],
  }));
  const gone = removals.map((task) => task.id);
  const orphanTasks = options.removeOrphans ? removeOrphans(lost) : [];
  const emptied = [...gone, ...orphanTasks.map((task) => task.id)];
  const tasks = [...stops, ...removals, ...orphanTasks, ...networkTasks(project, present, emptied)];
  if (options.volumes) tasks.push(...volumeTasks(project, present, emptied));
  if (options.images === 'all') tasks.push(...imageTasks(project, emptied));
  return { tasks, warnings: lost.length > 0 && !options.removeOrphans ? [orphanWarning(lost)] : [] };
}

function networkTasks(project: Project, present: Present, after: readonly string[]): readonly Task[] {
  return project.networks.map((network) => {
    const id = `network ${network.key}`;
    if (network.external) return line(id, `Network ${network.name} is external, skipping`);
    if (!present.networks.some((each) => each.Name === network.name))
      return line(id, `Network ${network.name} not found.`);
    const call = { method: 'DELETE', path: apiPath('networks', network.name), mayBeGone: true } as const;
    return line(id, `Removing network ${network.name}`, [call], after);
  });
}

function volumeTasks(project: Project, present: Present, after: readonly string[]): readonly Task[] {
  return project.volumes.map((volume) => {
    const id = `volume ${volume.key}`;
    if (volume.external) return line(id, `Volume ${volume.name} is external, skipping`);
    if (!present.volumes.has(volume.name)) return line(id, `Volume ${volume.name} not found.`);
    const call = { method: 'DELETE', path: apiPath('volumes', volume.name), mayBeGone: true } as const;
    return line(id, `Removing volume ${volume.name}`, [call], after);
  });
}

function imageTasks(project: Project, after: readonly string[]): readonly Task[] {
  const images = [...new Set(project.services.map((service) => service.image!))];
  return images.map((image) =>
    line(
      `image ${image}`,
      `Removing image ${image}`,
      [{ method: 'DELETE', path: apiPath('images', image), mayBeGone: true }],
      after,
    ),
  );
}
