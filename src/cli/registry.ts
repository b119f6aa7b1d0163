/** All commands by their first word; the code of one is loaded when it is called. */
import type { Command, Group } from './command.ts';

export interface Entry {
  readonly summary: string;
  load(): Promise<Command | Group>;
}

const container = (name: string) => async (): Promise<Command> =>
  find((await import('./commands/container.ts')).commands, name);
const image = (name: string) => async (): Promise<Command> =>
  find((await import('./commands/image.ts')).commands, name);
const system = (name: string) => async (): Promise<Command> =>
  find((await import('./commands/system.ts')).commands, name);

function find(commands: readonly Command[], name: string): Command {
  return commands.find((command) => command.name === name)!;
}

export const GROUPS: Readonly<Record<string, Entry>> = {
  compose: {
    summary: 'Define and run multi-container applications',
    load: async () => (await import('./commands/compose/group.ts')).group,
  },
  container: { summary: 'Manage containers', load: async () => (await import('./commands/container.ts')).group },
  image: { summary: 'Manage images', load: async () => (await import('./commands/image.ts')).group },
  network: { summary: 'Manage networks', load: async () => (await import('./commands/network.ts')).group },
  volume: { summary: 'Manage volumes', load: async () => (await import('./commands/volume.ts')).group },
};

export const COMMANDS: Readonly<Record<string, Entry>> = {
  attach: {
    summary: 'Attach local standard input, output, and error streams to a running container',
    load: container('attach'),
  },
  create: { summary: 'Create a new container', load: container('create') },
  daemon: { summary: 'Run the daemon', load: async () => (await import('./commands/daemon.ts')).daemon },
  doctor: {
    summary: 'Say what is wrong with the network of this host, and what to change first',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  events: { summary: 'Get real time events from the server', load: system('events') },
  explain: {
    summary: 'Show every link, address, route and rule of the host with its reason',
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  exec: { summary: 'Execute a command in a running container', load: container('exec') },
  graph: {
    summary: 'Draw networks, containers, bridges, ports and the way out',
    load: async () => (await import('./commands/graph.ts')).graph,
  },
  images: { summary: 'List images', load: image('images') },
  import: { summary: 'Import the contents from a tarball to create a filesystem image', load: image('import') },
  info: { summary: 'Display system-wide information', load: system('info') },
  inspect: { summary: 'Return low-level information on Docker objects', load: system('inspect') },
  kill: { summary: 'Kill one or more running containers', load: container('kill') },
  load: { summary: 'Load an image from a tar archive or STDIN', load: image('load') },
  logs: { summary: 'Fetch the logs of a container', load: container('logs') },
  pause: { summary: 'Pause all processes within one or more containers', load: container('pause') },
  plan: {
    summary: 'Show what a command would do to the host, and do nothing',
    load: async () => (await import('./plan/command.ts')).plan,
  },
  port: { summary: 'List port mappings or a specific mapping for the container', load: container('port') },
  ps: { summary: 'List containers', load: container('ps') },
  pull: { summary: 'Download an image from a registry', load: image('pull') },
  rename: { summary: 'Rename a container', load: container('rename') },
  restart: { summary: 'Restart one or more containers', load: container('restart') },
  rm: { summary: 'Remove one or more containers', load: container('rm') },
  rmi: { summary: 'Remove one or more images', load: image('rmi') },
  run: { summary: 'Create and run a new container from an image', load: container('run') },
  save: { summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)', load: image('save') },
  snapshot: {
    summary: 'Print all that a diagnosis of this host needs as one JSON file',
    load: async () => (await import('./commands/snapshot.ts')).snapshot,
  },
  start: { summary: 'Start one or more stopped containers', load: container('start') },
  stop: { summary: 'Stop one or more running containers', load: container('stop') },
  tag: { summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE', load: image('tag') },
  top: { summary: 'Display the running processes of a container', load: container('top') },
  trace: {
    summary: 'Walk a packet through this host, and say who decided what',
    load: async () => (await import('./commands/trace.ts')).trace,
  },
  unpause: { summary: 'Unpause all processes within one or more containers', load: container('unpause') },
  version: { summary: 'Show the Passerelle version information', load: system('version') },
  wait: { summary: 'Block until one or more containers stop, then print their exit codes', load: container('wait') },
};
