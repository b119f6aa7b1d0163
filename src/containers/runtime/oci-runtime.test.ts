import { expect, test } from 'vitest';
import { findOciRuntime } from './oci-runtime.ts';

const installed =
  (...names: string[]) =>
  (name: string): string | undefined =>
    names.includes(name) ? `/usr/bin/${name}` : undefined;

test('runc comes first; crun does where there is one cgroup v2 tree', () => {
  expect(findOciRuntime(false, installed('runc', 'crun'))).toBe('/usr/bin/runc');
  expect(findOciRuntime(true, installed('crun'))).toBe('/usr/bin/crun');
});

test('without one that works here, it is said what to do', () => {
  expect(() => findOciRuntime(false, installed('crun'))).toThrow(
    '/usr/bin/crun runs containers only where /sys/fs/cgroup is one cgroup v2 tree: install runc',
  );
  expect(() => findOciRuntime(true, installed())).toThrow('there is no OCI runtime: install runc');
});
