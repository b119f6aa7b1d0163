import { RuntimeError } from '../../../core/engine/runtime.ts';
import type { OciSeccomp } from './config.ts';

interface Condition {
  readonly arches?: readonly string[];
  readonly caps?: readonly string[];
  readonly minKernel?: string;
}

/** A profile as Docker, containers-common and `--security-opt seccomp=FILE` write it: rules under conditions. */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures: readonly string[] }[];
  readonly syscalls: readonly {
    readonly names?: readonly string[];
    readonly name?: string;
    readonly action: string;
    readonly errnoRet?: number;
    readonly args?:
      | readonly { readonly index: number; readonly value: number; readonly valueTwo?: number; readonly op: string }[]
      | null;
    readonly includes?: Condition;
    readonly excludes?: Condition;
  }[];
}

/** What the conditions are asked about. */
export interface SeccompTarget {
  /** Node's name of the architecture. */
  readonly arch: string;
  /** As uname prints it: `6.1.0-18-amd64`. */
  readonly kernel: string;
  readonly capabilities: readonly string[];
}

/** Node's architecture -> its names in the profile's conditions and in libseccomp. */
const ARCHITECTURES: Readonly<Record<string, { readonly go: string; readonly scmp: string }>> = {
  x64: { go: 'amd64', scmp: 'SCMP_ARCH_X86_64' },
  arm64: { go: 'arm64', scmp: 'SCMP_ARCH_AARCH64' },
  s390x: { go: 's390x', scmp: 'SCMP_ARCH_S390X' },
  ppc64: { go: 'ppc64le', scmp: 'SCMP_ARCH_PPC64LE' },
};

/** The rules of a profile that hold for a container, in the OCI shape. */
export function seccompRules(profile: SeccompProfile, target: SeccompTarget): OciSeccomp {
  const arch = ARCHITECTURES[target.arch];
  if (!arch) throw new RuntimeError(`no seccomp rules for the architecture ${target.arch}: use seccomp=unconfined`);
  const mapped = profile.archMap?.find(({ architecture }) => architecture === arch.scmp);
  const holds = (condition: Condition): boolean =>
    (!condition.arches?.length || condition.arches.includes(arch.go)) &&
    (condition.caps ?? []).every((name) => target.capabilities.includes(name)) &&
    (!condition.minKernel || compareVersions(target.kernel, condition.minKernel) >= 0);
  const excluded = (condition: Condition): boolean =>
    (condition.arches ?? []).includes(arch.go) ||
    (condition.caps ?? []).some((name) => target.capabilities.includes(name)) ||
    (!!condition.minKernel && compareVersions(target.kernel, condition.minKernel) >= 0);

  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: mapped ? [mapped.architecture, ...mapped.subArchitectures] : (profile.architectures ?? [arch.scmp]),
    syscalls: profile.syscalls
      .filter(({ includes, excludes }) => holds(includes ?? {}) && !excluded(excludes ?? {}))
      .map(({ names, name, action, errnoRet, args }) => ({
        names: names ?? (name === undefined ? [] : [name]),
        action,
        ...(errnoRet !== undefined && { errnoRet }),
        ...(args?.length && { args }),
      })),
  };
}

/** Compares the first two numbers of versions: negative, 0 or positive. */
function compareVersions(one: string, other: string): number {
  const [major = 0, minor = 0] = one.split(/[.-]/).map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split(/[.-]/).map(Number);
  return major - otherMajor || minor - otherMinor;
}
