import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readResolvConf, watchResolvConf, type ResolvConfPaths } from './resolv-conf.ts';

let folder: string;
let paths: ResolvConfPaths;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'p-resolv-'));
  paths = { file: join(folder, 'resolv.conf'), behindStub: join(folder, 'behind') };
});

afterEach(() => rmSync(folder, { recursive: true }));

test('a host without the file has no servers', () => expect(readResolvConf(paths)).toBe(''));

test("behind systemd-resolved's stub its own servers are meant, where they are told", () => {
  const stub = 'nameserver 127.0.0.53\noptions edns0\n';
  writeFileSync(paths.file, stub);
  expect(readResolvConf(paths)).toBe(stub);
  writeFileSync(paths.behindStub, 'nameserver 192.0.2.1\n');
  expect(readResolvConf(paths)).toBe('nameserver 192.0.2.1\n');
});

test('a change is told, whether the file is written, replaced or made, and no more once the watch is closed', async () => {
  writeFileSync(paths.file, 'nameserver 192.0.2.1\n');
  const changed = vi.fn<() => void>();
  const watch = watchResolvConf(changed, paths, 20);
  const told = (times: number) => vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(times));
  await new Promise((done) => setTimeout(done, 60));
  writeFileSync(paths.file, 'nameserver 192.0.2.22\n');
  await told(1);
  writeFileSync(join(folder, 'new'), 'nameserver 192.0.2.3\n');
  renameSync(join(folder, 'new'), paths.file);
  await told(2);
  writeFileSync(paths.behindStub, 'nameserver 192.0.2.4\n');
  await told(3);
  watch.close();
  writeFileSync(paths.file, 'nameserver 192.0.2.55\n');
  await new Promise((done) => setTimeout(done, 60));
  expect(changed).toHaveBeenCalledTimes(3);
});
