/** iptables-restore, one process for many transactions. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readSync, writeSync } from 'node:fs';
import type { Family } from '../core/firewall/rule.ts';
import * as ffi from './ffi.ts';
import { openPipe } from './pipe.ts';

const TOOL: Readonly<Record<Family, string>> = { ip: 'iptables-restore', ip6: 'ip6tables-restore' };

/** What iptables-restore could not do. It has done the tables that were committed before `line`. */
export interface RestoreFailure {
  /** The tool's own words. */
  readonly message: string;
  /** The error's name if it could not be started, its exit status, or the signal that ended it. */
  readonly code: string;
  /** The line that it refuses, counted from 1; 0: it does not say. */
  readonly line: number;
}

/**
 * The firewall's tools, in the namespace that the thread is in at the first `restore`. A process is
 * started when one is needed and serves until it refuses something.
 */
export class Iptables {
  readonly #conversations = new Map<Family, Conversation>();

  /** Does a script of `iptables-restore --noflush`: whole lines, each table committed. */
  restore(family: Family, text: string): RestoreFailure | undefined {
    let conversation = this.#conversations.get(family);
    if (!conversation?.isOpen) {
      conversation = new Conversation(TOOL[family]);
      this.#conversations.set(family, conversation);
    }
    return conversation.run(text);
  }

  /** Whether that process is one of these. */
  isOwn(pid: number): boolean {
    return [...this.#conversations.values()].some((conversation) => conversation.pid === pid);
  }

  close(): void {
    for (const conversation of this.#conversations.values()) conversation.close();
    this.#conversations.clear();
  }
}

/**
 * Bytes of a comment that the tool says again: twice what its C library keeps back of what it writes into
 * a pipe, so that the beginning is not kept, whatever was before.
 */
const ECHO = 8192;

/**
 * One process. It does a table when it reads its COMMIT, and goes on reading; a comment, which it repeats
 * because it is told to be verbose, says that it is done with what came before. So a change costs neither
 * the start of a process nor its end, in which the kernel makes one on nftables wait until all that it
 * deleted is freed (8 to 17 ms).
 */
class Conversation {
  readonly #tool: string;
  readonly #process: ChildProcess;
  readonly #input: number;
  readonly #output: number;
  #runs = 0;
  /** That were sent: the tool counts them from its start. */
  #lines = 0;
  #isOpen = true;

  constructor(tool: string) {
    this.#tool = tool;
    const [input, output] = [openPipe(), openPipe()];
    this.#input = input.write;
    this.#output = output.read;
    try {
      const stdio = [input.read, output.write, output.write];
      this.#process = spawn(tool, ['--noflush', '--wait', '--verbose'], { stdio });
    } finally {
      for (const fd of [input.read, output.write]) ffi.close(fd);
    }
    // It ends with its input: nobody need wait for it.
    this.#process.unref();
    this.#process.once('exit', () => this.close());
    this.#process.once('error', () => this.close());
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Whether another one is to be begun. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  run(text: string): RestoreFailure | undefined {
    const { pid } = this.#process;
    if (pid === undefined) {
      return { message: `${this.#tool} is not installed: install iptables`, code: 'ENOENT', line: 0 };
    }
    const sent = this.#lines;
    const mark = `# ${(this.#runs += 1)} `;
    const input = `${text}${mark.padEnd(ECHO - 1)}\n`;
    this.#lines += input.split('\n').length - 1;
    this.#write(input);
    const words = this.#readUntil(mark);
    if (words === undefined) return undefined;
    this.close();
    const code = ffi.waitForExit(pid);
    const inScript = (line: string) => Math.max(Number(line) - sent, 0);
    return {
      message:
        words.replace(LINE, (_, before: string, line: string) => `${before}${inScript(line)}`) ||
        `${this.#tool} ended with ${code}`,
      code,
      line: inScript(LINE.exec(words)?.[2] ?? '0'),
    };
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    ffi.close(this.#input);
    ffi.close(this.#output);
  }

  #write(text: string): void {
    const bytes = Buffer.from(text);
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(this.#input, bytes, written);
    } catch (error) {
      // It has ended before it had read all: it says why.
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    }
  }

  /** Undefined once the mark was said, or all that was said until the end. */
  #readUntil(mark: string): string | undefined {
    const buffer = Buffer.alloc(ECHO);
    let words = '';
    for (let length; (length = read(this.#output, buffer)) > 0;) {
      words += buffer.toString('utf8', 0, length);
      if (words.includes(mark)) return undefined;
    }
    return words.trim();
  }
}

const LINE = /(\bline:? )(\d+)/i;

function read(fd: number, buffer: Uint8Array): number {
  for (;;) {
    try {
      return readSync(fd, buffer);
    } catch (error) {
      // A signal came, to a profiler for example.
      if ((error as NodeJS.ErrnoException).code !== 'EINTR') throw error;
    }
  }
}
