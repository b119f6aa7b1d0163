import { command, ExitError } from '../command.ts';
import { list, text, toggle } from '../flags.ts';
import { api } from '../requests.ts';
import { openSession } from './run.ts';

export const exec = command({
  name: 'exec',
  aliases: ['container exec'],
  summary: 'Execute a command in a running container',
  operands: 'CONTAINER COMMAND [ARG...]',
  arity: { least: 2 },
  interspersed: false,
  flags: {
    detach: toggle('Detached mode: run command in the background', { short: 'd' }),
    env: list('Set environment variables', { short: 'e' }),
    interactive: toggle('Keep STDIN open even if not attached', { short: 'i' }),
    privileged: toggle('Give extended privileges to the command'),
    tty: toggle('Allocate a pseudo-TTY', { short: 't' }),
    user: text('Username or UID (format: "<name|uid>[:<group|gid>]")', { short: 'u' }),
    workdir: text('Working directory inside the container', { short: 'w' }),
  },
  examples: [
    ['exec -it web sh', 'A shell in a container'],
    ['exec web ip addr', 'One command'],
  ],
  async run(context, { flags, args: [container = '', ...words] }) {
    if (flags.tty && flags.interactive && !flags.detach && !context.in.isTTY)
      throw new ExitError('the input device is not a TTY');
    const { Id: id } = await context.client.json<{ Id: string }>('POST', `${api('containers', container)}/exec`, {
      body: {
        User: flags.user,
        Privileged: flags.privileged,
        Tty: flags.tty,
        AttachStdin: flags.interactive && !flags.detach,
        AttachStdout: !flags.detach,
        AttachStderr: !flags.detach,
        Detach: flags.detach,
        Env: flags.env,
        WorkingDir: flags.workdir,
        Cmd: words,
      },
    });
    const body = { Detach: flags.detach, Tty: flags.tty };
    if (flags.detach) {
      await context.client.text('POST', `${api('exec', id)}/start`, { body });
      return 0;
    }
    const connection = await context.client.hijack(`${api('exec', id)}/start`, { body });
    const session = openSession(context, connection, {
      stdin: flags.interactive,
      tty: flags.tty,
      resize: (columns, rows) =>
        context.client.text('POST', `${api('exec', id)}/resize`, { query: { w: columns, h: rows } }),
    });
    session.started();
    const status = new Promise<void>((resolve) => connection.once('close', resolve)).then(async () => {
      const { ExitCode } = await context.client.json<{ ExitCode: number | null }>('GET', `${api('exec', id)}/json`);
      return ExitCode ?? 0;
    });
    return await session.until({ status, cancel: () => void status.catch(() => undefined) });
  },
});
