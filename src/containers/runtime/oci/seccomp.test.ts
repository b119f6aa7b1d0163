import { expect, test } from 'vitest';
import { type SeccompProfile, seccompRules } from './seccomp.ts';

const ALLOW = 'SCMP_ACT_ALLOW';

const PROFILE: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: 38,
  archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
  syscalls: [
    { names: ['read'], action: ALLOW, args: [], includes: {}, excludes: {} },
    { names: ['personality'], action: ALLOW, args: [{ index: 0, value: 8, op: 'SCMP_CMP_EQ' }] },
    { names: ['arm_only'], action: ALLOW, includes: { arches: ['arm64'] } },
    { names: ['not_on_amd'], action: ALLOW, excludes: { arches: ['amd64'] } },
    { names: ['bpf'], action: ALLOW, args: null, includes: { caps: ['CAP_SYS_ADMIN'] } },
    { names: ['bpf'], action: 'SCMP_ACT_ERRNO', errnoRet: 1, excludes: { caps: ['CAP_SYS_ADMIN'] } },
    { names: ['ptrace'], action: ALLOW, includes: { minKernel: '4.8' } },
  ],
};

const names = (target: Parameters<typeof seccompRules>[1]): readonly string[] =>
  seccompRules(PROFILE, target).syscalls.map(
    ({ names, action }) => `${names.join()} ${action === ALLOW ? 'yes' : 'no'}`,
  );

test('rules hold by architecture, capability and kernel', () => {
  expect(names({ arch: 'x64', kernel: '6.1.0-18-amd64', capabilities: [] })).toEqual([
    'read yes',
    'personality yes',
    'bpf no',
    'ptrace yes',
  ]);
  expect(names({ arch: 'arm64', kernel: '4.4.0', capabilities: ['CAP_SYS_ADMIN'] })).toEqual([
    'read yes',
    'personality yes',
    'arm_only yes',
    'not_on_amd yes',
    'bpf yes',
  ]);
});

test('the shape is that of OCI: no conditions, no empty arguments, the architectures of this machine', () => {
  const { syscalls, ...rest } = seccompRules(PROFILE, { arch: 'x64', kernel: '6.1', capabilities: [] });
  expect(rest).toEqual({
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
  });
  expect(syscalls.slice(0, 3)).toEqual([
    { names: ['read'], action: ALLOW },
    { names: ['personality'], action: ALLOW, args: [{ index: 0, value: 8, op: 'SCMP_CMP_EQ' }] },
    { names: ['bpf'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 },
  ]);
});
