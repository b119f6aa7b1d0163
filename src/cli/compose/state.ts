/** What the engine has of a project. */
import * as label from '../../core/compose/labels.ts';
import type { Present, PresentContainer, PresentNetwork } from '../../core/compose/present.ts';
import { apiPath } from '../../core/compose/task.ts';
import type { Project } from '../../core/compose/project.ts';
import type { Context } from '../command.ts';
import { EngineFailure } from '../client/client.ts';

export async function projectContainers(context: Context, project: string): Promise<readonly PresentContainer[]> {
  const filters = JSON.stringify({ label: [`${label.PROJECT}=${project}`] });
  return await context.client.json<PresentContainer[]>('GET', '/containers/json', { query: { all: 1, filters } });
}

export async function presentState(context: Context, project: Project): Promise<Present> {
  const [containers, networks, volumes, images] = await Promise.all([
    projectContainers(context, project.name),
    context.client.json<PresentNetwork[]>('GET', '/networks'),
    context.client.json<{ Volumes: { Name: string }[] | null }>('GET', '/volumes'),
    imageIds(context, [...new Set(project.services.map((service) => service.image!))]),
  ]);
  return { containers, networks, volumes: new Set((volumes.Volumes ?? []).map((volume) => volume.Name)), images };
}

async function imageIds(context: Context, references: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const reference of references) {
    try {
      const { Id } = await context.client.json<{ Id: string }>('GET', `${apiPath('images', reference)}/json`);
      found.set(reference, Id);
    } catch (error) {
      if (!(error instanceof EngineFailure && error.status === 404)) throw error;
    }
  }
  return found;
}
