/** The flags of `run` and `create`, and the container that they describe. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parsePort } from '../../core/compose/ports.ts';
import { parseDuration, parseSize } from '../../core/compose/units.ts';
import type { Context } from '../command.ts';
import { ExitError } from '../command.ts';
import { integer, list, map, text, toggle } from '../flags.ts';
import type { Values } from '../flags.ts';
import { readMount } from './mount.ts';
import { endpointBody, readNetwork } from './network-flag.ts';
import { labelsOf } from './network.ts';

export const CREATE_FLAGS = {
  'add-host': list('Add a custom host-to-IP mapping (host:ip)'),
  attach: list('Attach to STDIN, STDOUT or STDERR', { short: 'a' }),
  'cap-add': list('Add Linux capabilities'),
  'cap-drop': list('Drop Linux capabilities'),
  cidfile: text('Write the container ID to the file'),
  'cpu-period': integer('Limit CPU CFS (Completely Fair Scheduler) period'),
  'cpu-quota': integer('Limit CPU CFS (Completely Fair Scheduler) quota'),
  'cpu-shares': integer('CPU shares (relative weight)', { short: 'c' }),
  cpus: text('Number of CPUs', { placeholder: 'decimal' }),
  device: list('Add a host device to the container'),
  dns: list('Set custom DNS servers'),
  'dns-option': list('Set DNS options'),
  'dns-search': list('Set custom DNS search domains'),
  domainname: text('Container NIS domain name'),
  entrypoint: text('Overwrite the default ENTRYPOINT of the image'),
  env: list('Set environment variables', { short: 'e' }),
  'env-file': list('Read in a file of environment variables'),
  expose: list('Expose a port or a range of ports'),
  'group-add': list('Add additional groups to join'),
  'health-cmd': text('Command to run to check health'),
  'health-interval': text('Time between running the check (ms|s|m|h)', { placeholder: 'duration' }),
  'health-retries': integer('Consecutive failures needed to report unhealthy'),
  'health-start-period': text(
    'Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)',
    { placeholder: 'duration' },
  ),
  'health-timeout': text('Maximum time to allow one check to run (ms|s|m|h)', { placeholder: 'duration' }),
  hostname: text('Container host name', { short: 'h' }),
  init: toggle('Run an init inside the container that forwards signals and reaps processes'),
  interactive: toggle('Keep STDIN open even if not attached', { short: 'i' }),
  ip: text('IPv4 address (e.g., 172.30.100.104)'),
  ip6: text('IPv6 address (e.g., 2001:db8::33)'),
  ipc: text('IPC mode to use'),
  label: list('Set meta data on a container', { short: 'l' }),
  'label-file': list('Read in a line delimited file of labels'),
  link: list('Add link to another container'),
  'link-local-ip': list('Container IPv4/IPv6 link-local addresses'),
  'log-driver': text('Logging driver for the container'),
  'log-opt': list('Log driver options'),
  'mac-address': text('Container MAC address (e.g., 92:d0:c6:0a:29:33)'),
  memory: text('Memory limit', { short: 'm', placeholder: 'bytes' }),
  'memory-swap': text("Swap limit equal to memory plus swap: '-1' to enable unlimited swap", { placeholder: 'bytes' }),
  mount: list('Attach a filesystem mount to the container', { placeholder: 'mount' }),
  name: text('Assign a name to the container'),
  network: list(
    'Connect a container to a network: its name, or name=,alias=,ip=,ip6=,mac-address=,link-local-ip=,driver-opt=,gw-priority=',
    { placeholder: 'network' },
  ),
  'network-alias': list('Add network-scoped alias for the container'),
  'no-healthcheck': toggle('Disable any container-specified HEALTHCHECK'),
  pid: text('PID namespace to use'),
  'pids-limit': integer('Tune container pids limit (set -1 for unlimited)'),
  privileged: toggle('Give extended privileges to this container'),
  publish: list("Publish a container's port(s) to the host", { short: 'p' }),
  'publish-all': toggle('Publish all exposed ports to random ports', { short: 'P' }),
  pull: text('Pull image before running ("always", "missing", "never")', { initial: 'missing' }),
  quiet: toggle('Suppress the pull output', { short: 'q' }),
  'read-only': toggle("Mount the container's root filesystem as read only"),
  restart: text('Restart policy to apply when a container exits', { initial: 'no' }),
  rm: toggle('Automatically remove the container and its associated anonymous volumes when it exits'),
  'security-opt': list('Security Options'),
  'shm-size': text('Size of /dev/shm', { placeholder: 'bytes' }),
  'stop-signal': text('Signal to stop the container'),
  'stop-timeout': integer('Timeout (in seconds) to stop a container'),
  sysctl: map('Sysctl options'),
  tmpfs: list('Mount a tmpfs directory'),
  tty: toggle('Allocate a pseudo-TTY', { short: 't' }),
  ulimit: list('Ulimit options', { placeholder: 'ulimit', shown: '[]' }),
  user: text('Username or UID (format: <name|uid>[:<group|gid>])', { short: 'u' }),
  volume: list('Bind mount a volume', { short: 'v' }),
  'volumes-from': list('Mount volumes from the specified container(s)'),
  workdir: text('Working directory inside the container', { short: 'w' }),
};

export type CreateFlags = Values<typeof CREATE_FLAGS>;

type Json = Readonly<Record<string, unknown>>;

export interface CreateRequest {
  readonly body: Json & {
    readonly AttachStdin: boolean;
    readonly AttachStdout: boolean;
    readonly AttachStderr: boolean;
  };
  /** Networks beyond the first, which the API of this version takes one at a time. */
  readonly connections: readonly { readonly network: string; readonly settings: Json }[];
}

/** The body of `POST /containers/create`. Throws ExitError for a value that is not of its form. */
export function createRequest(
  context: Context,
  flags: CreateFlags,
  [image, ...command]: readonly string[],
  { detach, given }: { readonly detach: boolean; readonly given: ReadonlySet<string> },
): CreateRequest {
  const streams = attachedStreams(flags, detach);
  const networks = (flags.network.length > 0 ? flags.network : ['default']).map(readNetwork);
  const [own, ...others] = networks;
  const volumes = flags.volume.map((spec) => readVolume(spec, context.folder));
  const published = publishedPorts(flags.publish);
  const exposed = [...Object.keys(published), ...flags.expose.flatMap(readExposed)];
  const ownSettings = endpointBody(own!, flags);
  const health = healthcheck(flags);
  const body = {
    ...streams,
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && streams.AttachStdin,
    Env: environment(context, flags),
    Cmd: command.length > 0 ? command : null,
    Image: image!,
    Volumes: Object.fromEntries(volumes.filter((volume) => !volume.bind).map((volume) => [volume.target, {}])),
    WorkingDir: flags.workdir,
    Entrypoint: given.has('entrypoint') ? [flags.entrypoint] : null,
    Labels: { ...labelsOf(flags['label-file'].flatMap((path) => fileLines(path))), ...labelsOf(flags.label) },
    ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])),
    ...(flags['mac-address'] && { MacAddress: flags['mac-address'] }),
    ...(flags['stop-signal'] && { StopSignal: flags['stop-signal'] }),
    ...(flags['stop-timeout'] !== undefined && { StopTimeout: flags['stop-timeout'] }),
    ...(health && { Healthcheck: health }),
    HostConfig: hostConfig(flags, {
      networkMode: own!.name,
      published,
      binds: volumes.flatMap((volume) => volume.bind ?? []),
      given,
    }),
    NetworkingConfig: {
      EndpointsConfig:
        isUserDefined(own!.name) || Object.keys(ownSettings).length > 0 ? { [own!.name]: ownSettings } : {},
    },
  };
  return {
    body,
    connections: others.map((network) => ({ network: network.name, settings: endpointBody(network, undefined) })),
  };
}

function isUserDefined(network: string): boolean {
  return !['default', 'bridge', 'host', 'none'].includes(network) && !network.startsWith('container:');
}

function attachedStreams(flags: CreateFlags, detach: boolean) {
  for (const stream of flags.attach)
    if (!/^(stdin|stdout|stderr)$/i.test(stream))
      throw new ExitError(
        `invalid argument "${stream}" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`,
        125,
      );
  const named = (stream: string): boolean => flags.attach.some((each) => each.toLowerCase() === stream);
  const all = flags.attach.length === 0 && !detach;
  return {
    AttachStdin: named('stdin') || (all && flags.interactive),
    AttachStdout: named('stdout') || all,
    AttachStderr: named('stderr') || all,
  };
}

interface Parts {
  readonly networkMode: string;
  readonly published: Json;
  readonly binds: readonly string[];
  readonly given: ReadonlySet<string>;
}

function hostConfig(flags: CreateFlags, { networkMode, published, binds, given }: Parts): Json {
  const mounts = flags.mount.map(readMount);
  return {
    Binds: binds.length > 0 ? binds : null,
    ...(mounts.length > 0 && { Mounts: mounts }),
    LogConfig: { Type: flags['log-driver'], Config: labelsOf(flags['log-opt']) },
    NetworkMode: networkMode,
    PortBindings: published,
    PublishAllPorts: flags['publish-all'],
    RestartPolicy: restartPolicy(flags.restart),
    AutoRemove: flags.rm,
    VolumesFrom: flags['volumes-from'].length > 0 ? flags['volumes-from'] : null,
    CapAdd: flags['cap-add'],
    CapDrop: flags['cap-drop'],
    Dns: flags.dns,
    DnsOptions: flags['dns-option'],
    DnsSearch: flags['dns-search'],
    ExtraHosts: flags['add-host'].map(extraHost),
    GroupAdd: flags['group-add'],
    IpcMode: flags.ipc,
    PidMode: flags.pid,
    Links: isUserDefined(networkMode) ? null : flags.link,
    Privileged: flags.privileged,
    ReadonlyRootfs: flags['read-only'],
    SecurityOpt: flags['security-opt'].map(securityOption),
    ...(flags['shm-size'] && { ShmSize: bytes('shm-size', flags['shm-size']) }),
    ...(flags.tmpfs.length > 0 && { Tmpfs: Object.fromEntries(flags.tmpfs.map((spec) => splitOnce(spec, ':'))) }),
    Sysctls: flags.sysctl,
    Ulimits: flags.ulimit.map(ulimit),
    Devices: flags.device.map(device),
    Memory: bytes('memory', flags.memory),
    MemorySwap: flags['memory-swap'] === '-1' ? -1 : bytes('memory-swap', flags['memory-swap']),
    NanoCpus: cpus(flags.cpus),
    CpuShares: flags['cpu-shares'] ?? 0,
    CpuQuota: flags['cpu-quota'] ?? 0,
    CpuPeriod: flags['cpu-period'] ?? 0,
    PidsLimit: flags['pids-limit'] ?? null,
    ...(given.has('init') && { Init: flags.init }),
  };
}

function splitOnce(spec: string, sign: string): [string, string] {
  const at = spec.indexOf(sign);
  return at < 0 ? [spec, ''] : [spec.slice(0, at), spec.slice(at + 1)];
}

function invalid(value: string, flag: string, reason: string): ExitError {
  return new ExitError(`invalid argument "${value}" for "${flag}" flag: ${reason}`, 125);
}

function bytes(flag: string, size: string): number {
  if (size === '') return 0;
  const found = parseSize(size);
  if (found === undefined) throw invalid(size, `--${flag}`, `invalid size: '${size}'`);
  return found;
}

function cpus(count: string): number {
  if (count === '') return 0;
  if (!/^\d+(\.\d+)?$/.test(count)) throw invalid(count, '--cpus', 'failed to parse it as a rational number');
  return Math.round(Number(count) * 1e9);
}

function ulimit(spec: string) {
  const parts = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(spec);
  if (!parts) throw invalid(spec, '--ulimit', 'it should be name=soft[:hard], for example nofile=1024:2048');
  return { Name: parts[1], Soft: Number(parts[2]), Hard: Number(parts[3] ?? parts[2]) };
}

function device(spec: string) {
  const parts = spec.split(':');
  const permissions = parts.length > 1 && /^[rwm]+$/.test(parts.at(-1)!) ? parts.pop()! : 'rwm';
  if (parts.length > 2 || !parts.every((path) => path.startsWith('/')))
    throw invalid(spec, '--device', 'it should be /dev/host[:/dev/container][:rwm]');
  return { PathOnHost: parts[0], PathInContainer: parts[1] ?? parts[0], CgroupPermissions: permissions };
}

function extraHost(spec: string): string {
  const at = spec.search(/[:=]/);
  if (at <= 0) throw invalid(spec, '--add-host', `bad format for add-host: "${spec}"`);
  return `${spec.slice(0, at)}:${spec.slice(at + 1).replace(/^\[|\]$/g, '')}`;
}

function restartPolicy(policy: string) {
  const [name = '', count] = policy.split(':');
  if (count !== undefined && !/^\d+$/.test(count))
    throw new ExitError('invalid restart policy format: maximum retry count must be an integer', 125);
  return { Name: name, MaximumRetryCount: Number(count ?? 0) };
}

/** A seccomp profile's file is read here: the daemon takes its contents. */
function securityOption(option: string): string {
  const [name, value] = splitOnce(option.replace(':', '='), '=');
  if (name !== 'seccomp' || value === 'unconfined' || value === 'builtin') return option;
  try {
    return `seccomp=${JSON.stringify(JSON.parse(readFileSync(value, 'utf8')))}`;
  } catch (error) {
    throw new ExitError(`opening seccomp profile (${value}) failed: ${(error as Error).message}`, 125);
  }
}

function fileLines(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8')
      .split(/\r?\n/)
      .map((line) => line.trimStart())
      .filter((line) => line !== '' && !line.startsWith('#'));
  } catch (error) {
    throw new ExitError(
      `open ${path}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file or directory' : (error as Error).message}`,
      125,
    );
  }
}

/** A name without a value is taken from the environment, and left out if it is not set there. */
function environment(context: Context, flags: CreateFlags): readonly string[] {
  const given = [...flags['env-file'].flatMap(fileLines), ...flags.env];
  return given.flatMap((line) => {
    if (line.includes('=')) return [line];
    const value = context.environment[line];
    return value === undefined ? [] : [`${line}=${value}`];
  });
}

/** `[source:]target[:mode]`: without a source an anonymous volume; `./x` from the folder. */
function readVolume(spec: string, folder: string): { readonly target: string; readonly bind?: string } {
  const parts = spec.split(':');
  if (parts.length > 3 || parts.includes(''))
    throw new ExitError(`invalid volume specification: '${spec}': it should be [source:]target[:mode]`, 125);
  const [source, ...rest] = parts;
  if (rest.length === 0) return { target: source! };
  return {
    target: rest[0]!,
    bind: [/^\.{1,2}(\/|$)/.test(source!) ? resolve(folder, source!) : source, ...rest].join(':'),
  };
}

function publishedPorts(specs: readonly string[]): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const spec of specs)
    for (const port of readPort(spec, '-p, --publish'))
      (bindings[`${port.target}/${port.protocol}`] ??= []).push({
        HostIp: port.hostIp,
        HostPort: port.published ?? '',
      });
  return bindings;
}

function readPort(spec: string, flag: string) {
  try {
    return parsePort(spec);
  } catch (error) {
    if (error instanceof RangeError) throw invalid(spec, flag, error.message);
    throw error;
  }
}

function readExposed(spec: string): readonly string[] {
  if (spec.includes(':')) throw new ExitError(`invalid port format for --expose: ${spec}`, 125);
  return readPort(spec, '--expose').map((port) => `${port.target}/${port.protocol}`);
}

function healthcheck(flags: CreateFlags): Json | undefined {
  if (flags['no-healthcheck']) return { Test: ['NONE'] };
  const time = (name: 'health-interval' | 'health-timeout' | 'health-start-period'): number | undefined => {
    if (flags[name] === '') return undefined;
    const nanoseconds = parseDuration(flags[name]);
    if (nanoseconds === undefined) throw invalid(flags[name], `--${name}`, `time: invalid duration "${flags[name]}"`);
    return nanoseconds;
  };
  const found = {
    Test: flags['health-cmd'] ? ['CMD-SHELL', flags['health-cmd']] : undefined,
    Interval: time('health-interval'),
    Timeout: time('health-timeout'),
    StartPeriod: time('health-start-period'),
    Retries: flags['health-retries'],
  };
  return Object.values(found).some((value) => value !== undefined) ? found : undefined;
}
