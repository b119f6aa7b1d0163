import type { Group } from '../../command.ts';
import { config } from './config.ts';
import { down } from './down.ts';
import { stop, start, restart } from './life.ts';
import { logs } from './logs.ts';
import { ps } from './ps.ts';
import { pull } from './pull.ts';
import { up } from './up.ts';

export const group: Group = {
  name: 'compose',
  summary: 'Define and run multi-container applications',
  commands: [config, down, logs, ps, pull, restart, start, stop, up],
};
