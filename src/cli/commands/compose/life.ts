/** `compose stop`, `start` and `restart`. */
import { stopTasks } from '../../../core/compose/down.ts';
import { containersOf, isRunning, nameOf } from '../../../core/compose/present.ts';
import type { Present } from '../../../core/compose/present.ts';
import { selectServices } from '../../../core/compose/project.ts';
import { apiPath } from '../../../core/compose/task.ts';
import type { Task } from '../../../core/compose/task.ts';
import { command, ExitError } from '../../command.ts';
import { perform } from '../../compose/perform.ts';
import { projectContainers } from '../../compose/state.ts';
import { outcome, TIMEOUT } from './outcome.ts';
import { withProject, load, chosen } from './project.ts';

export const stop = command({
  name: 'compose stop',
  summary: 'Stop running containers without removing them',
  operands: '[SERVICE...]',
  arity: { least: 0 },
  flags: withProject({ timeout: TIMEOUT }),
  examples: [['compose stop', 'They can be started again with `compose start`']],
  async run(context, { flags, args }) {
    const project = load(context, flags);
    const tasks = stopTasks(project, await chosen(context, project, args), flags.timeout);
    return outcome(await perform(context, tasks), 'Not all containers could be stopped.');
  },
});

export const start = command({
  name: 'compose start',
  summary: 'Start existing containers',
  operands: '[SERVICE...]',
  arity: { least: 0 },
  flags: withProject({}),
  examples: [['compose start', 'What `compose stop` stopped']],
  async run(context, { flags, args }) {
    const project = load(context, flags);
    const present: Pick<Present, 'containers'> = { containers: await projectContainers(context, project.name) };
    const services =
      args.length > 0 ? selectServices(project, args).filter((each) => args.includes(each.name)) : project.services;
    const tasks = services.map((service): Task => {
      const containers = containersOf(present as Present, service.name);
      return {
        id: service.name,
        after: Object.keys(service.depends_on ?? {}),
        says: { verb: 'Starting', name: service.name },
        waits: [],
        calls: containers
          .filter((each) => !isRunning(each))
          .map((each) => ({
            method: 'POST',
            path: `${apiPath('containers', each.Id)}/start`,
            purpose: `Cannot start service ${service.name}`,
          })),
      };
    });
    if (present.containers.length === 0) throw new ExitError('ERROR: No containers to start');
    return outcome(await perform(context, tasks), 'Not all services could be started.');
  },
});

export const restart = command({
  name: 'compose restart',
  summary: 'Restart running containers',
  operands: '[SERVICE...]',
  arity: { least: 0 },
  flags: withProject({ timeout: TIMEOUT }),
  examples: [['compose restart web', 'One service']],
  async run(context, { flags, args }) {
    const project = load(context, flags);
    const containers = await chosen(context, project, args);
    if (containers.length === 0) throw new ExitError('ERROR: No containers to restart');
    const tasks = containers.map((each): Task => ({
      id: each.Id,
      after: [],
      says: { verb: 'Restarting', name: nameOf(each) },
      waits: [],
      calls: [{ method: 'POST', path: `${apiPath('containers', each.Id)}/restart?t=${flags.timeout ?? 10}` }],
    }));
    return outcome(await perform(context, tasks), 'Not all containers could be restarted.');
  },
});
