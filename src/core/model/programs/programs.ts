/** What command lines do in a simulated container. */
import { splitWords } from '../../compose/shellwords.ts';
import type { EtcFile } from '../../engine/runtime.ts';
import type { Program, Streams } from '../runtime/process.ts';
import { fetchUrl, getent, ip, ip6tablesSave, iptablesSave, nc, nslookup, ping } from './network.ts';
import type { Command, Surroundings } from './surroundings.ts';

const FILES: Readonly<Record<string, EtcFile>> = {
  '/etc/hosts': 'hosts',
  '/etc/hostname': 'hostname',
  '/etc/resolv.conf': 'resolv.conf',
};

const cat: Command = (paths, { etc }, write) => {
  let status = 0;
  for (const path of paths) {
    const file = FILES[path];
    const content = file && etc(file);
    if (content === undefined) {
      write(`cat: ${path}: a simulated container has only ${Object.keys(FILES).join(', ')}\n`, 'stderr');
      status = 1;
    } else write(content);
  }
  return status;
};

const sleep: Command = async ([seconds = '0'], surroundings) => {
  await surroundings.sleep(Number.parseFloat(seconds) * 1000);
  return 0;
};

/** The programs that are simulated; of all others it is only known whether they end. */
const COMMANDS: Readonly<Record<string, Command>> = {
  cat,
  curl: fetchUrl,
  echo: (words, _, write) => (write(`${words.join(' ')}\n`), 0),
  false: () => 1,
  getent,
  hostname: (_, { hostname }, write) => (write(`${hostname}\n`), 0),
  ip,
  'ip6tables-save': ip6tablesSave,
  'iptables-save': iptablesSave,
  nc,
  nslookup,
  ping,
  sleep,
  true: () => 0,
  wget: fetchUrl,
};

/** Programs whose words need no remark: what they say is what they were told. */
const PLAIN: ReadonlySet<string> = new Set(['echo', 'false', 'sleep', 'true']);

const SHELLS: ReadonlySet<string> = new Set(['ash', 'bash', 'sh']);

const NOTICE = 'simulated: no program runs here, and this is what the model knows\n';

/**
 * A container's own program (or, with `isExec`, one that is called into it): what is known is simulated,
 * a shell reads lines, and all else is taken to do its work well: it serves until it is stopped, or
 * called in it ends at once.
 */
export function program(args: readonly string[], surroundings: Surroundings, isExec: boolean): Program {
  const [path = '', ...rest] = args;
  const name = path.split('/').at(-1)!;
  if (SHELLS.has(name)) {
    const script = rest[rest.indexOf('-c') + 1];
    if (!rest.includes('-c')) return { run: (streams) => shell(surroundings, streams) };
    const words = splitWords(script ?? '');
    // Anything that only a shell understands is not taken apart.
    if (words && !/[;&|<>$`(){}\n]/.test(script ?? '')) return program(words, surroundings, isExec);
  }
  const command = commandOf(name);
  if (command) {
    return {
      run: async ({ write }) => {
        if (!PLAIN.has(name)) write(NOTICE, 'stderr');
        return command(rest, surroundings, write);
      },
    };
  }
  return isExec
    ? { output: `simulated: ${args.join(' ')} was not run, and is taken to have ended well\n`, ends: WELL }
    : { output: 'simulated: no program is run here, and this container is taken to serve until it is stopped\n' };
}

const WELL = { after: 0, exitCode: 0 } as const;

const commandOf = (name: string): Command | undefined => (Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined);

const PROMPT = '/ # ';

/** Runs line by line what it reads, until its end or `exit`. */
async function shell(surroundings: Surroundings, { input, write }: Streams): Promise<number> {
  const { tty } = surroundings;
  if (tty) {
    const known = Object.keys(COMMANDS).join(', ');
    write(`simulated: no program runs here. The model answers ${known}; exit leaves.\n${PROMPT}`);
  }
  let status = 0;
  for await (const line of lines(input, tty, write)) {
    const [name = '', ...args] = splitWords(line) ?? [''];
    if (name === 'exit') return args[0] === undefined ? status : Number(args[0]);
    if (name !== '') {
      const command = commandOf(name);
      if (command) status = await command(args, surroundings, write);
      else write(`simulated: ${line} was not run\n`, 'stderr');
    }
    if (tty) write(PROMPT);
  }
  return status;
}

const INTERRUPT = '\x03';
const END = '\x04';
/** Backspace and delete. */
const ERASE: ReadonlySet<string> = new Set(['\b', '\x7f']);

/** Lines as they are entered; on a terminal they are echoed and may be corrected. */
async function* lines(input: AsyncIterable<string>, tty: boolean, write: Streams['write']): AsyncGenerator<string> {
  let line = '';
  for await (const piece of input) {
    for (const character of piece) {
      if (tty && character === END && line === '') return write('\n');
      if (tty && character === INTERRUPT) {
        line = '';
        write(`^C\n${PROMPT}`);
      } else if (tty && ERASE.has(character)) {
        if (line !== '') write('\b \b');
        line = line.slice(0, -1);
      } else if (character === '\n' || (tty && character === '\r')) {
        if (tty) write('\n');
        yield line;
        line = '';
      } else {
        if (tty) write(character);
        line += character;
      }
    }
  }
  if (line !== '') yield line;
}
