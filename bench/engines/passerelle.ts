import { join } from 'node:path';
import { writeBusyboxArchive } from '../../scripts/images.ts';
import { Stage } from '../../scripts/stage.ts';
import { Client } from '../client.ts';
import type { Engine, EngineOptions } from './engine.ts';
import { answering } from './ready.ts';

export async function openPasserelle(
  name: string,
  backend: 'iptables' | 'nftables',
  { flags = [] }: EngineOptions = {},
): Promise<Engine> {
  const stage = await Stage.set(`${name}-${backend}`);
  // Ours always lets containers live on.
  const options = ['--firewall-backend', backend, ...flags.filter((flag) => flag !== '--live-restore')];
  try {
    await stage.startDaemon(...options);
    const archive = join(stage.directory, 'busybox.tar');
    await writeBusyboxArchive(archive);
    await stage.docker('load', '-i', archive);
  } catch (error) {
    await stage.close();
    throw error;
  }
  return {
    name: backend,
    api: new Client(stage.socket),
    directory: stage.directory,
    socket: stage.socket,
    netns: stage.host,
    world: stage.world,
    get pid() {
      return stage.daemonPid!;
    },
    async restart() {
      await stage.stopDaemon();
      const [time] = await Promise.all([answering(stage.socket), stage.startDaemon(...options)]);
      return time;
    },
    async close() {
      await stage.stopDaemon('SIGKILL');
      await stage.close();
    },
  };
}
