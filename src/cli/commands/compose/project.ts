/** The project that a command is about: its flags, its files, its containers. */
import * as label from '../../../core/compose/labels.ts';
import { loadProject } from '../../../core/compose/load.ts';
import { labelOf, nameOf } from '../../../core/compose/present.ts';
import type { PresentContainer } from '../../../core/compose/present.ts';
import { selectServices } from '../../../core/compose/project.ts';
import type { Project } from '../../../core/compose/project.ts';
import type { Context } from '../../command.ts';
import { projectContainers } from '../../compose/state.ts';
import { surroundingsOf } from '../../compose/surroundings.ts';
import { list, text } from '../../flags.ts';
import type { Flags, Values } from '../../flags.ts';
import { warn } from './outcome.ts';

/** They stand before the subcommand's name in docker-compose, and may stand after it here too. */
export const PROJECT_FLAGS = {
  'env-file': text('Specify an alternate environment file'),
  file: list('Specify an alternate compose file (default: docker-compose.yml)', { short: 'f', placeholder: 'string' }),
  profile: list('Specify a profile to enable', { placeholder: 'string' }),
  'project-directory': text('Specify an alternate working directory (default: the path of the Compose file)'),
  'project-name': text('Specify an alternate project name (default: directory name)', { short: 'p' }),
} as const;

type ProjectFlags = Values<typeof PROJECT_FLAGS>;

/** `-f` and `-p` mean other things to some commands; those flags then stand before the command only. */
export function withProject<F extends Flags>(flags: F): F & typeof PROJECT_FLAGS {
  return { ...PROJECT_FLAGS, ...flags };
}

export function load(context: Context, flags: ProjectFlags): Project {
  const fromEnvironment = context.environment['COMPOSE_FILE'];
  const separator = context.environment['COMPOSE_PATH_SEPARATOR'] ?? ':';
  const { project, warnings } = loadProject(surroundingsOf(context), {
    files: flags.file.length > 0 ? flags.file : fromEnvironment ? fromEnvironment.split(separator) : [],
    projectName: flags['project-name'] || undefined,
    projectFolder: flags['project-directory'] || undefined,
    envFile: flags['env-file'] || undefined,
    profiles: flags.profile,
  });
  warn(context, warnings);
  return project;
}

/** The project's containers, of these services if any are named, by name. */
export async function chosen(
  context: Context,
  project: Project,
  services: readonly string[],
  oneOff = false,
): Promise<readonly PresentContainer[]> {
  for (const name of services) selectServices(project, [name]);
  const names = new Set(services.length > 0 ? services : project.services.map((service) => service.name));
  const all = await projectContainers(context, project.name);
  return all
    .filter((each) => names.has(labelOf(each, label.SERVICE)) && (oneOff || labelOf(each, label.ONE_OFF) !== 'True'))
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

export function shortName(project: Project, container: PresentContainer): string {
  const name = nameOf(container);
  return name.startsWith(`${project.name}_`) ? name.slice(project.name.length + 1) : name;
}
