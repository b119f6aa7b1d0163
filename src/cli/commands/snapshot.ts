import { snapshotScript } from '../../core/insight/snapshot/script.ts';
import { command } from '../command.ts';
import { toggle } from '../flags.ts';
import { snapshotOf } from './from-file.ts';

export const snapshot = command({
  name: 'snapshot',
  summary: 'Print all that a diagnosis of this host needs as one JSON file',
  arity: { least: 0, most: 0 },
  flags: { script: toggle('Print a shell script that takes a snapshot on a machine without Passerelle') },
  examples: [
    ['snapshot > host.json', 'Environments, labels and command lines of containers are left out'],
    ['doctor --snapshot host.json', 'Look at it elsewhere'],
    ['snapshot --script > snapshot.sh', 'For a machine that Docker manages: sh snapshot.sh > host.json'],
  ],
  async run(context, { flags }) {
    context.out.write(
      flags.script ? snapshotScript() : `${JSON.stringify(await snapshotOf(context, ''), undefined, 1)}\n`,
    );
    return 0;
  },
});
