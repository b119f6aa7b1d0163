/** The scene on a Linux in memory: its tables are explained, and its packets walked instead of sent. */
import { HOST_ADDRESS } from '../stage.ts';
import type { ModelStage } from '../model-stage.ts';
import type { Checklist } from './checklist.ts';
import { playScene } from './scene.ts';
import { Script } from './script.ts';

const BUSYBOX = 'busybox:1.36';
const REGISTRY = 'tc-infra-base_tc-registry_1';

export async function playOnModel(stage: ModelStage, list: Checklist, print: (line: string) => void): Promise<void> {
  const script = new Script(list, print);
  const docker = (args: readonly string[]) => stage.run([...stage.client, ...args]);
  await docker(['pull', '-q', BUSYBOX]);
  await playScene(
    {
      directory: stage.directory,
      docker,
      compose: (args, cwd) => stage.run([...stage.composer, ...args], { cwd }),
      // Whoever is on the host's network sees what the host sees.
      onHost: (command, args) => docker(['run', '--rm', '--network', 'host', BUSYBOX, command, ...args]),
      showTable: (told, table) =>
        told.show(`passerelle explain --rule ${table}`, stage.passerelle('explain', '--rule', table)),
    },
    list,
    script,
  );
  await walkPackets(stage, list, script);
}

async function walkPackets(stage: ModelStage, list: Checklist, script: Script): Promise<void> {
  script.title(10, 'The registry answers from everywhere: the packets are walked, not sent');
  const walk = async (claim: string, from: string, to: string): Promise<void> => {
    const args = ['trace', '--from', from, '--to', to];
    const told = await script.show(`passerelle ${args.join(' ')}`, stage.passerelle(...args));
    list.check(claim, told.includes(': PASS\n') && told.includes('the sender gets an answer'), told);
  };
  await walk("from the host, by the host's address", 'host', `${HOST_ADDRESS}:5000`);
  await walk('from loopback (userland proxy)', 'host', '127.0.0.1:5000');
  await walk('from another machine', 'world', `${HOST_ADDRESS}:5000`);
  const other = [...stage.client, 'run', '-d', '--name', 'other', '--network', 'net-test', BUSYBOX, 'serve'];
  await script.show(`docker ${other.slice(stage.client.length).join(' ')}`, stage.run(other));
  await walk("from a container on another network, by the host's address", 'other', `${HOST_ADDRESS}:5000`);
  const direct = ['trace', '--brief', '--from', 'other', '--to', `${REGISTRY}:5000`];
  const { code, stdout } = await stage.passerelle(...direct);
  script.print(`\n$ passerelle ${direct.join(' ')}\n${stdout.trimEnd()}`);
  list.check('but not by its own address, which is for its own network', code === 1, stdout);
}
