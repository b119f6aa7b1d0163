/** `Creating web_1 ... done`: on a terminal in place, else a line for the start and one for the end. */
import { styleText } from 'node:util';

export class Progress {
  readonly #to: NodeJS.WriteStream;
  readonly #lines: string[] = [];
  #width = 0;

  constructor(to: NodeJS.WriteStream) {
    this.#to = to;
  }

  begin(verb: string, name: string): void {
    const head = `${verb} ${name}`;
    this.#width = Math.max(this.#width, head.length);
    this.#lines.push(head);
    this.#to.write(`${head.padEnd(this.#width)} ... \n`);
  }

  end(verb: string, name: string, outcome: 'done' | 'error'): void {
    const head = `${verb} ${name}`;
    const line = `${head.padEnd(this.#width)} ... `;
    if (!this.#to.isTTY) return void this.#to.write(`${line}${outcome}\n`);
    const up = this.#lines.length - this.#lines.lastIndexOf(head);
    const coloured = styleText(outcome === 'done' ? 'green' : 'red', outcome);
    this.#to.write(`\u001B[${up}A\u001B[2K\r${line}${coloured}\r\u001B[${up}B`);
  }

  /** A line of its own; what stands above it is out of reach from then on. */
  line(text: string): void {
    this.#to.write(`${text}\n`);
    if (this.#lines.length > 0) this.#lines.push('');
  }
}
