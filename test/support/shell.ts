/** A shell that stays in a network namespace: many small commands without a process each to enter it. */
import { spawn, type ChildProcess } from 'node:child_process';

export class NamespaceShell {
  readonly #process: ChildProcess;
  #output = '';
  #waiting: { readonly mark: string; readonly resolve: (text: string) => void } | undefined;
  #count = 0;

  constructor(netns: string) {
    this.#process = spawn('nsenter', [`--net=/run/netns/${netns}`, 'sh'], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#process.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      this.#output += chunk;
      const at = this.#waiting ? this.#output.indexOf(this.#waiting.mark) : -1;
      if (at < 0) return;
      const text = this.#output.slice(0, at);
      this.#output = '';
      this.#waiting!.resolve(text);
    });
  }

  /** Runs the commands one after the other; gives what each wrote. One call at a time. */
  async run(commands: readonly string[]): Promise<readonly string[]> {
    const mark = `--- done ${++this.#count} ---\n`;
    const between = '--- next ---\n';
    const written = new Promise<string>((resolve) => (this.#waiting = { mark, resolve }));
    const line = (text: string): string => `printf -- '${text.trimEnd()}\\n'`;
    this.#process.stdin!.write(`${commands.join(`; ${line(between)}; `)}; ${line(mark)}\n`);
    return (await written).split(between);
  }

  close(): void {
    this.#process.stdin!.end();
  }
}
