import { command } from '../command.ts';
import { perform } from '../program.ts';
import { PLAN_FLAGS } from './plan.ts';

export const plan = command({
  name: 'plan',
  summary: 'Show what a command would do to the host, and do nothing',
  operands: 'COMMAND [ARG...]',
  arity: { least: 1 },
  // What follows has options of its own.
  interspersed: false,
  flags: PLAN_FLAGS,
  examples: [
    ['plan network create net-test', 'The links, addresses and rules that a network would get'],
    ['plan run -p 8080:80 nginx', 'and those of a container with a published port'],
    ['plan --json network rm net-test', 'For programs; ends in 2 if anything would change, else in 0'],
  ],
  run: (context, { flags, args }) => perform({ ...context, plan: flags }, args),
});
