import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isMissing } from './files.ts';
import { CONTROL } from './paths.ts';

/** conmon 2.1 applies the first of several sizes that it finds at once, so they are sent apart. */
const GAP = 20;
const RESIZE = 1;

/** Tells a monitor the size of its terminal. Of sizes that come too fast, the last one counts. */
export class TerminalSize {
  readonly #control: string;
  #wanted: string | undefined;
  #sending: Promise<void> | undefined;

  constructor(bundle: string) {
    this.#control = join(bundle, CONTROL);
  }

  set(columns: number, rows: number): Promise<void> {
    this.#wanted = `${RESIZE} ${rows} ${columns}\n`;
    this.#sending ??= this.#send().finally(() => (this.#sending = undefined));
    return this.#sending;
  }

  async #send(): Promise<void> {
    for (let line = this.#wanted; line !== undefined; line = this.#wanted) {
      this.#wanted = undefined;
      await this.#write(line);
      await pause(GAP);
    }
  }

  async #write(line: string): Promise<void> {
    try {
      const control = await open(this.#control, constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        await control.write(line);
      } finally {
        await control.close();
      }
    } catch (error) {
      // The monitor has ended, and the terminal with it.
      if (!isMissing(error) && (error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
    }
  }
}
