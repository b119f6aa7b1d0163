import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import type { Surroundings } from '../../core/compose/load.ts';
import type { Context } from '../command.ts';

const STDIN = 0;

/** The files, folder and environment that a compose project is read from; `-` is standard input. */
export function surroundingsOf(context: Context): Surroundings {
  let input: string | undefined;
  return {
    workingFolder: context.folder,
    home: homedir(),
    environment: (name) => context.environment[name],
    readFile: (path) => {
      if (path === `${context.folder}/-`) return (input ??= readFileSync(STDIN, 'utf8'));
      try {
        return readFileSync(path, 'utf8');
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
        throw error;
      }
    },
  };
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
