/** The keys of a service: the table is the schema, and the type is the table's. */
import {
  boolean,
  dictionary,
  fields,
  ignored,
  integer,
  labels,
  list,
  mapOf,
  number,
  oneOf,
  oneOrMore,
  scalarText,
  text,
  textOrNumber,
} from './cursor.ts';
import type { Cursor, DecodedFields, Decoder } from './cursor.ts';
import { resolvePath } from './path.ts';
import { exposed, port } from './ports.ts';
import { splitWords } from './shellwords.ts';
import { duration, size } from './units.ts';
import { volume } from './volumes.ts';
import type { Paths } from './volumes.ts';

export type Condition = 'service_started' | 'service_healthy' | 'service_completed_successfully';

/** A string is split as a shell splits it. */
const command: Decoder<readonly string[]> = (cursor) => {
  const { value } = cursor;
  if (value.kind === 'sequence') return list(scalarText)(cursor);
  if (value.kind === 'mapping') return cursor.wrongType('a string, or an array');
  if (value.value === null) return undefined;
  return splitWords(value.text) ?? cursor.fail(`${cursor.option} has a quote that is not closed`, 'quotes in pairs');
};

const condition = oneOf('service_started', 'service_healthy', 'service_completed_successfully');

/** Service -> what has to be true of it before this one starts. */
const dependsOn: Decoder<Readonly<Record<string, Condition>>> = (cursor) => {
  if (cursor.value.kind !== 'mapping') {
    const names = list(text)(cursor);
    return names && Object.fromEntries(names.map((name) => [name, 'service_started' as const]));
  }
  const found = mapOf(fields({ condition }))(cursor);
  return (
    found && Object.fromEntries(Object.entries(found).map(([name, of]) => [name, of.condition ?? 'service_started']))
  );
};

const attachment = fields({
  aliases: list(text),
  ipv4_address: text,
  ipv6_address: text,
  link_local_ips: list(text),
  priority: number,
});

export type Attachment = Partial<NonNullable<ReturnType<typeof attachment>>>;

const attachments: Decoder<Readonly<Record<string, Attachment>>> = (cursor) => {
  if (cursor.value.kind !== 'mapping') {
    const names = list(text)(cursor);
    return names && Object.fromEntries(names.map((name) => [name, {}]));
  }
  return mapOf<Attachment>((each) => (isNull(each) ? {} : attachment(each)))(cursor);
};

function isNull(cursor: Cursor): boolean {
  return cursor.value.kind === 'scalar' && cursor.value.value === null;
}

/** Host -> address. */
const extraHosts: Decoder<Readonly<Record<string, string>>> = (cursor) => {
  if (cursor.value.kind === 'mapping') return mapOf(text)(cursor);
  const pair: Decoder<[string, string]> = (each) => {
    const line = text(each);
    const colon = line?.search(/[:=]/) ?? -1;
    if (line !== undefined && colon <= 0)
      return each.fail(`${each.option} has no address: "${line}"`, '"host:address"');
    return line === undefined ? undefined : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  };
  const found = list(pair)(cursor);
  return found && Object.fromEntries(found);
};

export interface RestartPolicy {
  readonly Name: string;
  readonly MaximumRetryCount: number;
}

const restart: Decoder<RestartPolicy> = (cursor) => {
  const policy = text(cursor);
  if (policy === undefined) return undefined;
  const parts = /^(no|always|unless-stopped|on-failure(?::(\d+))?)$/.exec(policy);
  if (!parts)
    return cursor.fail(
      `${cursor.option} has an unknown value`,
      'one of "no", always, unless-stopped, on-failure, on-failure:3',
    );
  return { Name: parts[1]!.replace(/:.*/, ''), MaximumRetryCount: Number(parts[2] ?? 0) };
};

export interface Ulimit {
  readonly soft: number;
  readonly hard: number;
}

const ulimit: Decoder<Ulimit> = (cursor) => {
  if (cursor.value.kind !== 'mapping') {
    const both = integer(cursor);
    return both === undefined ? undefined : { soft: both, hard: both };
  }
  const found = fields({ soft: integer, hard: integer })(cursor);
  const { soft, hard } = found ?? {};
  if (soft === undefined || hard === undefined)
    return cursor.fail(`${cursor.option} is invalid, soft, hard are required.`, '`soft: 1024` and `hard: 2048`');
  if (soft > hard && hard !== -1)
    return cursor.fail(`${cursor.option}: 'soft' value can not be greater than 'hard' value`, 'soft <= hard');
  return { soft, hard };
};

const healthTest: Decoder<readonly string[]> = (cursor) => {
  if (cursor.value.kind === 'sequence') return list(scalarText)(cursor);
  const line = text(cursor);
  return line === undefined ? undefined : ['CMD-SHELL', line];
};

const healthcheck = fields({
  test: healthTest,
  interval: duration,
  timeout: duration,
  start_period: duration,
  retries: integer,
  disable: boolean,
});

const swarm = ignored('it is for swarm');
const noLimit = ignored('the engine does not limit this');

const deploy = fields({
  mode: text,
  replicas: integer,
  resources: fields({
    limits: fields({ cpus: number, memory: size, pids: integer }),
    reservations: ignored('only limits are'),
  }),
  endpoint_mode: swarm,
  labels: swarm,
  rollback_config: swarm,
  update_config: swarm,
  restart_policy: ignored('use `restart`'),
  placement: swarm,
});

/** `volumes_from`: `service[:mode]` or `container:name[:mode]`. */
const volumesFrom: Decoder<string> = (cursor) => {
  const spec = text(cursor);
  if (spec === undefined || /^((service|container):)?[^:]+(:(ro|rw))?$/.test(spec)) return spec;
  return cursor.fail(
    `${cursor.option} has incorrect format: "${spec}"`,
    "'<service name>[:<mode>]' or 'container:<container name>[:<mode>]'",
  );
};

const device: Decoder<string> = (cursor) => {
  const spec = text(cursor);
  if (spec === undefined || /^\/[^:]*(:\/[^:]*)?(:[rwm]+)?$/.test(spec)) return spec;
  return cursor.fail(`${cursor.option} has incorrect format: "${spec}"`, '"/dev/fuse" or "/dev/sda:/dev/xvda:rwm"');
};

/** One item may stand for several. */
function flat<T>(item: Decoder<readonly T[]>): Decoder<readonly T[]> {
  return (cursor) => list(item)(cursor)?.flat();
}

/** Every key that compose knows. Paths in it are resolved with `paths`. */
function serviceKeys(paths: Paths) {
  const file: Decoder<string> = (cursor) => {
    const path = text(cursor);
    return path === undefined ? undefined : resolvePath(paths.folder(cursor.value.at.file), path, paths.home);
  };
  return {
    image: text,
    command,
    entrypoint: command,
    environment: dictionary,
    env_file: oneOrMore(file),
    ports: flat(port),
    expose: flat(exposed),
    networks: attachments,
    network_mode: text,
    depends_on: dependsOn,
    volumes: list(volume(paths)),
    volumes_from: list(volumesFrom),
    extra_hosts: extraHosts,
    dns: oneOrMore(text),
    dns_search: oneOrMore(text),
    dns_opt: list(text),
    restart,
    labels,
    container_name: text,
    hostname: text,
    domainname: text,
    user: textOrNumber,
    working_dir: text,
    tty: boolean,
    stdin_open: boolean,
    privileged: boolean,
    cap_add: list(text),
    cap_drop: list(text),
    read_only: boolean,
    tmpfs: oneOrMore(text),
    shm_size: size,
    ulimits: mapOf(ulimit),
    sysctls: labels,
    init: boolean,
    stop_signal: text,
    stop_grace_period: duration,
    mem_limit: size,
    memswap_limit: size,
    cpus: number,
    cpu_shares: number,
    cpu_quota: number,
    cpu_period: number,
    pids_limit: integer,
    healthcheck,
    logging: fields({ driver: text, options: mapOf(scalarText) }),
    links: list(text),
    external_links: list(text),
    mac_address: text,
    pid: text,
    ipc: text,
    security_opt: list(text),
    group_add: list(textOrNumber),
    devices: list(device),
    scale: integer,
    deploy,
    profiles: list(text),
    pull_policy: oneOf('always', 'never', 'if_not_present', 'missing'),
    build: ignored('images are not built here; build it with another tool and name it with `image`'),
    blkio_config: noLimit,
    cgroup_parent: ignored('the engine chooses it'),
    configs: swarm,
    cpu_count: noLimit,
    cpu_percent: noLimit,
    cpu_rt_period: noLimit,
    cpu_rt_runtime: noLimit,
    cpuset: noLimit,
    credential_spec: ignored('it is for Windows'),
    device_cgroup_rules: noLimit,
    isolation: ignored('it is for Windows'),
    mem_reservation: noLimit,
    mem_swappiness: noLimit,
    oom_kill_disable: noLimit,
    oom_score_adj: noLimit,
    platform: ignored("images of the machine's own platform are used"),
    runtime: ignored('the engine chooses it'),
    secrets: ignored('mount the file with `volumes`'),
    storage_opt: noLimit,
    userns_mode: ignored('containers share the engine’s user namespace'),
  };
}

export interface Service extends DecodedFields<ReturnType<typeof serviceKeys>> {
  readonly name: string;
}

export function service(name: string, paths: Paths): Decoder<Service> {
  const decode = fields(serviceKeys(paths));
  return (cursor) => {
    const found = decode(cursor);
    return found && { name, ...found };
  };
}
