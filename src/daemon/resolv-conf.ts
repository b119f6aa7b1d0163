/** The host's resolv.conf, and the one behind systemd-resolved's. */
import { readFileSync, unwatchFile, watchFile } from 'node:fs';

export interface ResolvConfPaths {
  readonly file: string;
  /** systemd-resolved's stub answers on loopback only; here are the servers that it asks itself. */
  readonly behindStub: string;
}

const PATHS: ResolvConfPaths = { file: '/etc/resolv.conf', behindStub: '/run/systemd/resolve/resolv.conf' };
const STUB = /^\s*nameserver\s+127\.0\.0\.53\s*$/m;

/** Looked at by its times: it is replaced as often as it is written, and may be a link to anywhere (ms). */
const INTERVAL = 1000;

/** The content; empty if there is none. */
export function readResolvConf({ file, behindStub } = PATHS): string {
  const text = contentOf(file, '');
  return STUB.test(text) ? contentOf(behindStub, text) : text;
}

/** Calls `changed` after either file has changed. */
export function watchResolvConf(changed: () => void, paths = PATHS, interval = INTERVAL): { close(): void } {
  const files = [paths.file, paths.behindStub];
  for (const file of files) watchFile(file, { interval, persistent: false }, changed);
  return {
    close: () => {
      for (const file of files) unwatchFile(file, changed);
    },
  };
}

/** A file's text, or another one if it is not there. */
export function contentOf(path: string, fallback: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return fallback;
    throw error;
  }
}
