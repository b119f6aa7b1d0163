import type { Output } from '../stage.ts';
import type { Checklist } from './checklist.ts';

/** What is shown of a scene while it is played. */
export class Script {
  readonly print: (line: string) => void;
  readonly #list: Checklist;

  constructor(list: Checklist, print: (line: string) => void) {
    this.#list = list;
    this.print = print;
  }

  title(number: number, text: string): void {
    this.print(`\n-- ${number}. ${text}`);
  }

  /** Shows a command with what it says, which must end well; gives its standard output. */
  async show(prompt: string, running: Promise<Output>): Promise<string> {
    this.print(`\n$ ${prompt}`);
    const { code, stdout, stderr } = await running;
    this.print(`${stdout}${stderr}`.trimEnd());
    if (code !== 0) this.#list.check(`"${prompt}" ends well`, false, `exit code ${code}`);
    return stdout.trim();
  }
}
