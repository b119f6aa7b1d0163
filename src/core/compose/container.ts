/** A service -> the Engine API's bodies for its containers. */
import * as label from './labels.ts';
import { modeService, networksOf, scaleOf } from './project.ts';
import type { Project } from './project.ts';
import type { Attachment, Service } from './service.ts';
import { volumeName } from './volumes.ts';
import type { Mount, ServiceVolume } from './volumes.ts';

type Json = Readonly<Record<string, unknown>>;

export function containerName(project: Project, service: Service, number: number): string {
  return service.container_name ?? `${project.name}_${service.name}_${number}`;
}

/** The engine's names of a service's networks with the service's place on each, its own first. */
export function attachmentsOf(
  project: Project,
  service: Service,
): readonly { readonly network: string; readonly settings: Json }[] {
  return networksOf(service).map(([key, attachment]) => ({
    network: project.networks.find((network) => network.key === key)!.name,
    settings: endpoint(project, service, attachment),
  }));
}

function endpoint(project: Project, service: Service, attachment: Attachment): Json {
  const links = [
    ...(service.links ?? []).flatMap((spec) => serviceLinks(project, spec)),
    ...(service.external_links ?? []).map(externalLink),
  ];
  return {
    Aliases: [...new Set([service.name, ...(attachment.aliases ?? [])])],
    ...(links.length > 0 && { Links: [...new Set(links)] }),
    IPAMConfig: {
      ...(attachment.ipv4_address && { IPv4Address: attachment.ipv4_address }),
      ...(attachment.ipv6_address && { IPv6Address: attachment.ipv6_address }),
      ...(attachment.link_local_ips && { LinkLocalIPs: attachment.link_local_ips }),
    },
  };
}

/** A linked service's containers are known by the alias, by their name, and by it without the project. */
function serviceLinks(project: Project, spec: string): readonly string[] {
  const [name, alias = name] = spec.split(':');
  const service = project.services.find((candidate) => candidate.name === name);
  if (!service) return [];
  return Array.from({ length: scaleOf(service) }, (_, index) => index + 1).flatMap((number) => {
    const container = containerName(project, service, number);
    return [alias, container, container.replace(`${project.name}_`, '')].map((each) => `${container}:${each}`);
  });
}

function externalLink(spec: string): string {
  const [name, alias = name] = spec.split(':');
  return `${name}:${alias}`;
}

/** `service:x` is the first container of that service. */
function mode(project: Project, value: string | undefined): string | undefined {
  const name = modeService(value);
  const service = project.services.find((candidate) => candidate.name === name);
  return service ? `container:${containerName(project, service, 1)}` : value;
}

function mountBody(project: Project, mount: Mount): Json {
  return {
    Type: mount.type,
    ...(mount.source && { Source: volumeSource(project, mount) }),
    Target: mount.target,
    ReadOnly: mount.readOnly,
    ...(mount.propagation && { BindOptions: { Propagation: mount.propagation } }),
    ...(mount.noCopy && { VolumeOptions: { NoCopy: true } }),
    ...(mount.tmpfsSize && { TmpfsOptions: { SizeBytes: mount.tmpfsSize } }),
  };
}

/** A named volume by the engine's name for it, a path as it is. */
function volumeSource(project: Project, volume: ServiceVolume): string {
  const key = volumeName(volume);
  return project.volumes.find((candidate) => candidate.key === key)?.name ?? volume.source!;
}

/** A container's former anonymous volumes: path -> volume name. */
export type KeptVolumes = ReadonlyMap<string, string>;

function hostConfig(project: Project, service: Service, kept: KeptVolumes): Json {
  const volumes = service.volumes ?? [];
  const binds = volumes.flatMap((volume) =>
    volume.form === 'bind' && volume.source ? [`${volumeSource(project, volume)}:${volume.target}:${volume.mode}`] : [],
  );
  const covered = new Set(volumes.filter((volume) => volume.source).map((volume) => volume.target));
  for (const [target, name] of kept) if (!covered.has(target)) binds.push(`${name}:${target}:rw`);
  const limits = service.deploy?.resources?.limits;
  const cpus = service.cpus ?? limits?.cpus;
  const [own] = attachmentsOf(project, service);
  return given({
    NetworkMode: own?.network ?? mode(project, service.network_mode),
    Binds: binds,
    Mounts: volumes.filter((volume) => volume.form === 'mount').map((mount) => mountBody(project, mount)),
    VolumesFrom: service.volumes_from?.flatMap((spec) => volumesFrom(project, spec)),
    PortBindings: portBindings(service),
    RestartPolicy: service.restart,
    Dns: service.dns,
    DnsSearch: service.dns_search,
    DnsOptions: service.dns_opt,
    ExtraHosts:
      service.extra_hosts && Object.entries(service.extra_hosts).map(([host, address]) => `${host}:${address}`),
    CapAdd: service.cap_add,
    CapDrop: service.cap_drop,
    GroupAdd: service.group_add,
    Privileged: service.privileged,
    ReadonlyRootfs: service.read_only,
    SecurityOpt: service.security_opt,
    ShmSize: service.shm_size,
    Tmpfs: service.tmpfs && Object.fromEntries(service.tmpfs.map((spec) => splitOnce(spec, ':'))),
    Sysctls: service.sysctls,
    Ulimits:
      service.ulimits &&
      Object.entries(service.ulimits).map(([Name, { soft, hard }]) => ({ Name, Soft: soft, Hard: hard })),
    Init: service.init,
    Memory: service.mem_limit ?? limits?.memory,
    MemorySwap: service.memswap_limit,
    NanoCpus: cpus === undefined ? undefined : Math.round(cpus * 1e9),
    CpuShares: service.cpu_shares,
    CpuQuota: service.cpu_quota,
    CpuPeriod: service.cpu_period,
    PidsLimit: service.pids_limit ?? limits?.pids,
    PidMode: mode(project, service.pid),
    IpcMode: mode(project, service.ipc),
    Devices: service.devices?.map(device),
    LogConfig: service.logging && { Type: service.logging.driver ?? '', Config: service.logging.options ?? {} },
  });
}

function splitOnce(text: string, sign: string): [string, string] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function volumesFrom(project: Project, spec: string): readonly string[] {
  if (spec.startsWith('container:')) return [spec.slice('container:'.length)];
  const [name = '', access = 'rw'] = spec.replace(/^service:/, '').split(':');
  const service = project.services.find((candidate) => candidate.name === name);
  return service ? [`${containerName(project, service, 1)}:${access}`] : [];
}

function device(spec: string): Json {
  const parts = spec.split(':');
  const permissions = parts.length > 1 && !parts.at(-1)!.startsWith('/') ? parts.pop()! : 'rwm';
  return { PathOnHost: parts[0], PathInContainer: parts[1] ?? parts[0], CgroupPermissions: permissions };
}

function portBindings(service: Service): Json | undefined {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of service.ports ?? [])
    (bindings[`${port.target}/${port.protocol}`] ??= []).push({ HostIp: port.hostIp, HostPort: port.published ?? '' });
  return service.ports && bindings;
}

/** Without the keys that nothing was said about, so that the engine's defaults hold. */
function given(body: Json): Json {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

/** The body of `POST /containers/create`, without the labels that depend on the container's number. */
export function containerBody(project: Project, service: Service, kept: KeptVolumes): Json {
  const ports = [...(service.ports ?? []).map((port) => `${port.target}/${port.protocol}`), ...(service.expose ?? [])];
  const targets = (service.volumes ?? []).filter((volume) => volume.form === 'bind').map((volume) => volume.target);
  const health = service.healthcheck;
  const [own] = attachmentsOf(project, service);
  return given({
    Image: service.image,
    Cmd: service.command,
    Entrypoint: service.entrypoint,
    Env:
      service.environment &&
      Object.entries(service.environment).map(([key, value]) => (value === null ? key : `${key}=${value}`)),
    ExposedPorts: ports.length > 0 ? Object.fromEntries(ports.map((port) => [port, {}])) : undefined,
    Hostname: service.hostname,
    Domainname: service.domainname,
    User: service.user,
    WorkingDir: service.working_dir,
    Tty: service.tty,
    OpenStdin: service.stdin_open,
    MacAddress: service.mac_address,
    StopSignal: service.stop_signal,
    StopTimeout: stopSeconds(service),
    Volumes: targets.length > 0 ? Object.fromEntries(targets.map((target) => [target, {}])) : undefined,
    Healthcheck:
      health &&
      given({
        Test: health.disable ? ['NONE'] : health.test,
        Interval: health.interval,
        Timeout: health.timeout,
        Retries: health.retries,
        StartPeriod: health.start_period,
      }),
    Labels: service.labels ?? {},
    HostConfig: hostConfig(project, service, kept),
    NetworkingConfig: own && { EndpointsConfig: { [own.network]: own.settings } },
  });
}

/** Undefined: the engine's own. */
export function stopSeconds(service: Service): number | undefined {
  return service.stop_grace_period === undefined ? undefined : Math.ceil(service.stop_grace_period / 1e9);
}

export function projectLabels(project: Project, service: Service, number: number, hash: string): Json {
  return {
    ...service.labels,
    [label.PROJECT]: project.name,
    [label.SERVICE]: service.name,
    [label.ONE_OFF]: 'False',
    [label.WORKING_FOLDER]: project.folder,
    [label.CONFIG_FILES]: project.files.join(','),
    [label.NUMBER]: String(number),
    [label.VERSION]: label.COMPOSE_VERSION,
    [label.CONFIG_HASH]: hash,
  };
}
