import { join } from 'node:path';
import { writeBusyboxArchive } from '../../scripts/images.ts';
import { Client } from '../client.ts';
import { Dockerd } from '../../test/support/dockerd.ts';
import { run } from '../process.ts';
import type { Engine, EngineOptions } from './engine.ts';
import { answering } from './ready.ts';

export async function openDockerd(name: string, { flags = [] }: EngineOptions = {}): Promise<Engine> {
  const dockerd = await Dockerd.start(`${name}-dockerd`, flags);
  try {
    const archive = join(dockerd.directory, 'busybox.tar');
    await writeBusyboxArchive(archive);
    const { code, stderr } = await dockerd.docker('load', '-i', archive);
    if (code !== 0) throw new Error(`dockerd: ${stderr}`);
    await run('ip', ['-n', dockerd.world, 'address', 'add', '198.51.100.2/24', 'dev', 'uplink0']);
  } catch (error) {
    await dockerd.close();
    throw error;
  }
  return {
    name: 'dockerd',
    api: new Client(dockerd.socket),
    directory: dockerd.directory,
    socket: dockerd.socket,
    netns: dockerd.netns,
    world: dockerd.world,
    get pid() {
      return dockerd.pid;
    },
    async restart() {
      await dockerd.stop();
      const [time] = await Promise.all([answering(dockerd.socket), dockerd.launch()]);
      return time;
    },
    async close() {
      await dockerd.kill();
      await dockerd.close();
    },
  };
}
