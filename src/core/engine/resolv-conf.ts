import type { Context } from './context.ts';
import type { Directory } from './directory.ts';

/**
 * Gives the host's name servers to the directory, now and whenever they change. The files of running
 * containers stay as they were written, as in Docker: those on user-defined networks name our server.
 */
export async function followResolvConf(
  { host, log }: Pick<Context, 'host' | 'log'>,
  directory: Directory,
): Promise<{ close(): void }> {
  const read = async (): Promise<void> => directory.useResolvConf(await host.resolvConf());
  await read();
  return host.watchResolvConf(() => {
    read().catch((error: unknown) => log.warn(`the host's resolv.conf could not be read: ${String(error)}`));
  });
}
