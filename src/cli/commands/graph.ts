import { factsOf } from '../../core/insight/doctor/facts.ts';
import { printDot } from '../../core/insight/graph/dot.ts';
import { graphOf, type Graph } from '../../core/insight/graph/graph.ts';
import { printMermaid } from '../../core/insight/graph/mermaid.ts';
import { printSvg } from '../../core/insight/graph/svg.ts';
import { printTree } from '../../core/insight/graph/tree.ts';
import { command, ExitError } from '../command.ts';
import { text } from '../flags.ts';
import { SNAPSHOT_FLAG, snapshotOf } from './from-file.ts';

const FORMATS: Readonly<Record<string, (graph: Graph) => string>> = {
  tree: printTree,
  mermaid: printMermaid,
  dot: printDot,
  svg: printSvg,
  json: (graph) => `${JSON.stringify(graph, undefined, 2)}\n`,
};

export const graph = command({
  name: 'graph',
  summary: 'Draw networks, containers, bridges, ports and the way out',
  arity: { least: 0, most: 0 },
  flags: {
    format: text(`As what: ${Object.keys(FORMATS).join(', ')}`, { initial: 'tree' }),
    ...SNAPSHOT_FLAG,
  },
  examples: [
    ['graph', 'In the terminal'],
    ['graph --format svg > host.svg', 'For a browser'],
    ['graph --format mermaid', 'For a page of Markdown'],
  ],
  async run(context, { flags }) {
    const print = Object.hasOwn(FORMATS, flags.format) ? FORMATS[flags.format] : undefined;
    if (!print)
      throw new ExitError(`there is no format ${flags.format}: use one of ${Object.keys(FORMATS).join(', ')}`);
    context.out.write(print(graphOf(factsOf(await snapshotOf(context, flags.snapshot)))));
    return 0;
  },
});
