/**
 * The Dockerfile instructions that `docker import --change` takes: they set what containers of the
 * image inherit, and run nothing.
 */
import type { ContainerConfig, HealthConfig } from '../../core/container/config.ts';
import { EngineError } from '../../core/network/error.ts';

type Config = { -readonly [Key in keyof ContainerConfig]?: ContainerConfig[Key] };

/** The words after the instruction: as one text, and split as a shell would, without running anything. */
interface Arguments {
  readonly instruction: string;
  readonly text: string;
}

const INSTRUCTIONS: Readonly<Record<string, (config: Config, args: Arguments) => void>> = {
  cmd: (config, { text }) => (config.Cmd = commandOf(text)),
  entrypoint: (config, { text }) => (config.Entrypoint = commandOf(text)),
  user: (config, args) => (config.User = only(args)),
  workdir: (config, args) => {
    const path = only(args);
    config.WorkingDir = path.startsWith('/') ? path : `/${path}`;
  },
  onbuild: (config, args) => (config.OnBuild = [...(config.OnBuild ?? []), only(args)]),
  volume: (config, args) => {
    for (const path of jsonList(args.text) ?? some(args)) config.Volumes = { ...config.Volumes, [path]: {} };
  },
  expose: (config, args) => {
    for (const port of some(args).flatMap(exposed)) config.ExposedPorts = { ...config.ExposedPorts, [port]: {} };
  },
  label: (config, args) => (config.Labels = { ...config.Labels, ...Object.fromEntries(pairs(args)) }),
  env: (config, args) => {
    const set = pairs(args);
    const names = new Set(set.map(([name]) => name));
    const kept = (config.Env ?? []).filter((assignment) => !names.has(assignment.split('=', 1)[0]!));
    config.Env = [...kept, ...set.map(([name, value]) => `${name}=${value}`)];
  },
  healthcheck: (config, args) => (config.Healthcheck = healthcheck(args)),
};

/** The configuration that the instructions make, in their order. Throws invalid, with Docker's text. */
export function configOf(changes: readonly string[]): Partial<ContainerConfig> {
  const config: Config = {};
  for (const line of changes) {
    const [, instruction = '', text = ''] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(line) ?? [];
    const apply = INSTRUCTIONS[instruction.toLowerCase()];
    if (!apply) throw invalid(`${instruction.toLowerCase()} is not a valid change command`);
    apply(config, { instruction: instruction.toUpperCase(), text });
  }
  return config;
}

function invalid(text: string): EngineError {
  return new EngineError('invalid', text);
}

function some({ instruction, text }: Arguments): string[] {
  const found = words(text);
  if (found.length === 0) throw invalid(`${instruction} requires at least one argument`);
  return found;
}

function only({ instruction, text }: Arguments): string {
  if (!text) throw invalid(`${instruction} requires exactly one argument`);
  return text;
}

/** A JSON list is executed as it is; anything else is a shell's line. */
function commandOf(text: string): string[] {
  return jsonList(text) ?? ['/bin/sh', '-c', ...(text ? [text] : [])];
}

function jsonList(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined;
  } catch {
    // Docker, too, takes a wrong list for a shell's line.
    return undefined;
  }
}

/** `name=value …`, or the old form of one name and the rest of the line. */
function pairs(args: Arguments): [string, string][] {
  const first = some(args)[0]!;
  if (!first.includes('=')) {
    const [, name = '', value = ''] = /^(\S+)\s*(.*)$/s.exec(args.text) ?? [];
    if (!value) throw invalid(`${args.instruction} must have two arguments`);
    return [[name, words(value).join(' ')]];
  }
  return words(args.text).map((word) => {
    const equals = word.indexOf('=');
    if (equals < 0) {
      throw invalid(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    }
    if (equals === 0) throw invalid(`${args.instruction} names can not be blank`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

/** `80`, `80-82`, `53/udp` -> ports as the API writes them. */
function exposed(text: string): string[] {
  const [, first = '', last = first, protocol = 'tcp'] = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (!first || from > to || to > 65_535) throw invalid(`Invalid containerPort: ${text}`);
  if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase())) throw invalid(`Invalid proto: ${protocol}`);
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol.toLowerCase()}`);
}

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

const HEALTH_OPTIONS: Readonly<Record<string, (value: string) => HealthConfig>> = {
  interval: (value) => ({ Interval: nanoseconds(value) }),
  timeout: (value) => ({ Timeout: nanoseconds(value) }),
  'start-period': (value) => ({ StartPeriod: nanoseconds(value) }),
  retries: (value) => ({ Retries: Number(value) }),
};

function healthcheck(args: Arguments): HealthConfig {
  let { text } = args;
  let health: HealthConfig = {};
  for (let found = option(text); found; found = option(text)) {
    const read = HEALTH_OPTIONS[found.name];
    if (!read) throw invalid(`Unknown flag: ${found.name}`);
    health = { ...health, ...read(found.value) };
    text = found.rest;
  }
  const [, kind = '', command = ''] = /^(\S*)\s*(.*)$/s.exec(text) ?? [];
  if (kind.toUpperCase() === 'NONE' && !command) return { Test: ['NONE'] };
  if (kind.toUpperCase() !== 'CMD') throw invalid(`Unknown type "${kind.toUpperCase()}" in HEALTHCHECK (try CMD)`);
  if (!command) throw invalid('Missing command after HEALTHCHECK CMD');
  const list = jsonList(command);
  return { Test: list ? ['CMD', ...list] : ['CMD-SHELL', command], ...health };
}

function option(text: string): { name: string; value: string; rest: string } | undefined {
  const found = /^--([a-z-]+)=(\S+)\s*(.*)$/s.exec(text);
  return found ? { name: found[1]!, value: found[2]!, rest: found[3]! } : undefined;
}

/** A duration as Go writes it: `1m30s`. */
function nanoseconds(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw invalid(`time: invalid duration "${text}"`);
  }
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!, 0);
}

/** Splits as a shell does: by blanks, with quotes and backslashes; variables stay empty, as nothing sets them. */
function words(text: string): string[] {
  const found: string[] = [];
  let word: string | undefined;
  for (const [, single, double, escaped, variable, blank, plain] of text.matchAll(
    /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|\$(\{\w+\}|\w+)|(\s+)|(.)/gs,
  )) {
    if (blank !== undefined) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else {
      const quoted = double?.replace(/\\(["\\$])|\$(?:\{\w+\}|\w+)/g, '$1');
      word = (word ?? '') + (single ?? quoted ?? escaped ?? (variable === undefined ? plain! : ''));
    }
  }
  return word === undefined ? found : [...found, word];
}
