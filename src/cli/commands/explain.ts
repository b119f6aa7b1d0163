import type { Entry } from '../../core/insight/explain/entry.ts';
import { explain as explainObjects } from '../../core/insight/explain/explain.ts';
import { readPasted } from '../../core/insight/explain/listing.ts';
import { printExplanation } from '../../core/insight/explain/print.ts';
import { select } from '../../core/insight/explain/select.ts';
import { explainSnapshot } from '../../core/insight/explain/snapshot.ts';
import { command, type Context } from '../command.ts';
import { text, toggle } from '../flags.ts';
import { readText, SNAPSHOT_FLAG, snapshotFrom } from './from-file.ts';

export const explain = command({
  name: 'explain',
  summary: 'Show every link, address, route and rule of the host with its reason',
  arity: { least: 0, most: 0 },
  flags: {
    container: text('Only what is there for this container'),
    file: text('Explain rules as iptables-save prints them, whoever wrote them ("-": standard input)', {
      placeholder: 'file',
    }),
    json: toggle('Print JSON'),
    network: text('Only what is there for this network'),
    rule: text('Only rules with this text, or in this place: TABLE [CHAIN] or [TABLE] CHAIN NUMBER'),
    ...SNAPSHOT_FLAG,
  },
  examples: [
    ['explain', 'Everything, by owner: also what other programs have made'],
    ['explain --network net-test', "One network's objects"],
    ['explain --rule "nat DOCKER 3"', 'Why is this rule there?'],
    ['explain --file save.txt', 'Rules that somebody pasted, those of Docker too'],
  ],
  async run(context, { flags }) {
    const { json, file, snapshot, network, container, rule } = flags;
    const selection = { ...(network && { network }), ...(container && { container }), ...(rule && { rule }) };
    const entries =
      file !== ''
        ? select(await pasted(context, file), selection)
        : snapshot !== ''
          ? select(explainSnapshot(await snapshotFrom(context, snapshot)), selection)
          : await context.client.json<readonly Entry[]>('GET', '/passerelle/explain', { query: selection });
    context.out.write(
      json ? `${JSON.stringify(entries, undefined, 2)}\n` : printExplanation(entries, context.out.columns || 120),
    );
    return 0;
  },
});

async function pasted(context: Context, file: string): Promise<readonly Entry[]> {
  const { objects, problems } = readPasted(await readText(context, file));
  for (const { line, message } of problems) context.err.write(`${file}, line ${line}: ${message}\n`);
  return explainObjects([], objects);
}
