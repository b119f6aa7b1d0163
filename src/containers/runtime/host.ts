/** What a container's configuration needs to know of the host and of the container's own files. */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { ContainerRecord } from '../../core/container/container.ts';
import { RuntimeError, type StartSpec } from '../../core/engine/runtime.ts';
import type { Cgroups } from './cgroup.ts';
import { capabilities, capabilitiesOfMask } from './oci/capabilities.ts';
import type { OciConfig, OciSeccomp } from './oci/config.ts';
import { ociConfig } from './oci/container.ts';
import { hostDevices, requestedDevices } from './oci/devices.ts';
import { type MountSources, ociMounts } from './oci/mounts.ts';
import { resources } from './oci/resources.ts';
import { type SeccompProfile, seccompRules } from './oci/seccomp.ts';
import { resolveUser } from './oci/user.ts';
import { findProgram } from './oci-runtime.ts';
import { readWithin } from './within.ts';
import type { OciUser } from './oci/config.ts';

const SECCOMP_PROFILE = '/usr/share/containers/seccomp.json';

/** Statically linked, so that they run in any container. */
const INIT_PROGRAMS = ['docker-init', 'tini-static', 'catatonit'];

export class Host {
  /** What this process may hand on; on some hosts that is not all that the kernel knows. */
  readonly capabilities: readonly string[];
  readonly #cgroups: Cgroups;
  readonly #seccomp: SeccompProfile | undefined;

  constructor(cgroups: Cgroups) {
    this.#cgroups = cgroups;
    const mask = /^CapPrm:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
    this.capabilities = capabilitiesOfMask(mask);
    this.#seccomp = existsSync(SECCOMP_PROFILE)
      ? (JSON.parse(readFileSync(SECCOMP_PROFILE, 'utf8')) as SeccompProfile)
      : undefined;
  }

  /** The configuration of a container whose root filesystem is mounted at `root`. */
  async configuration(spec: StartSpec, root: string, sources: Omit<MountSources, 'init'>): Promise<OciConfig> {
    const { id, config, hostConfig } = spec.container;
    const names = this.capabilitiesOf(spec.container);
    const requested = await requestedDevices(hostConfig.Devices ?? []);
    return ociConfig(spec, {
      root,
      user: containerUser(root, config.User, hostConfig.GroupAdd ?? []),
      capabilities: names,
      seccomp: this.#seccompRules(spec.container, names),
      mounts: ociMounts(spec.container, { ...sources, init: hostConfig.Init ? initProgram() : undefined }),
      devices: [...(hostConfig.Privileged ? await hostDevices() : []), ...requested.devices],
      deviceRules: requested.rules,
      resources: this.resources(spec.container),
      cgroup: this.#cgroups.path(id),
      unifiedCgroups: this.#cgroups.unified,
    });
  }

  /** @throws RuntimeError for a capability that there is none of */
  capabilitiesOf({ hostConfig }: ContainerRecord): readonly string[] {
    const request = { privileged: hostConfig.Privileged, add: hostConfig.CapAdd ?? [], drop: hostConfig.CapDrop ?? [] };
    return capabilities(request, this.capabilities);
  }

  resources({ hostConfig }: ContainerRecord): OciConfig['linux']['resources'] {
    return resources(hostConfig, { swap: this.#cgroups.swap });
  }

  #seccompRules({ hostConfig }: ContainerRecord, names: readonly string[]): OciSeccomp | undefined {
    const option = hostConfig.SecurityOpt?.find((text) => /^seccomp[:=]/.test(text))?.slice('seccomp='.length);
    if (option === 'unconfined' || hostConfig.Privileged) return undefined;
    const profile = option === undefined || option === 'builtin' ? this.#seccomp : parseProfile(option);
    return profile && seccompRules(profile, { arch: process.arch, kernel: release(), capabilities: names });
  }
}

/** Who a process of the container runs as, by the container's own files. */
export function containerUser(root: string, user: string, groups: readonly string[]): OciUser {
  return resolveUser(user, groups, readWithin(root, 'etc/passwd'), readWithin(root, 'etc/group'));
}

function parseProfile(text: string): SeccompProfile {
  try {
    return JSON.parse(text) as SeccompProfile;
  } catch (error) {
    throw new RuntimeError(`Decoding seccomp profile failed: ${(error as Error).message}`);
  }
}

function initProgram(): string {
  const found = INIT_PROGRAMS.map(findProgram).find(Boolean);
  if (!found) throw new RuntimeError(`no init program for the container: install one of ${INIT_PROGRAMS.join(', ')}`);
  return found;
}
