/** Why the kernel freed packets: tracefs' event skb:kfree_skb, in an instance of its own. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a mark and the drops behind it look like in the trace. */
const LINE = /tracing_mark_write: w(\d+)|kfree_skb:.* reason: (\w+)/;

export class Drops {
  readonly #instance: string;
  readonly #marker: number;
  readonly #tracefs: string;

  constructor() {
    this.#tracefs = mkdtempSync(join(tmpdir(), 'w-tracefs-'));
    const { status, stderr } = spawnSync('mount', ['-t', 'tracefs', 'tracefs', this.#tracefs], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`tracefs can not be mounted: ${stderr}`);
    this.#instance = join(this.#tracefs, 'instances', `w-${process.pid}`);
    mkdirSync(this.#instance);
    writeFileSync(join(this.#instance, 'buffer_size_kb'), '8192');
    writeFileSync(join(this.#instance, 'events/skb/kfree_skb/filter'), `common_pid == ${process.pid}`);
    this.#marker = openSync(join(this.#instance, 'trace_marker'), 'w');
    writeFileSync(join(this.#instance, 'events/skb/kfree_skb/enable'), '1');
  }

  /** What is dropped from here on belongs to probe `id`. */
  mark(id: number): void {
    writeSync(this.#marker, `w${id}`);
  }

  /** The reasons by probe since the last call. */
  take(): Map<number, Set<string>> {
    const reasons = new Map<number, Set<string>>();
    let current = 0;
    for (const line of readFileSync(join(this.#instance, 'trace'), 'utf8').split('\n')) {
      const [, mark, reason] = LINE.exec(line) ?? [];
      if (mark !== undefined) current = Number(mark);
      else if (reason !== undefined && current !== 0) {
        const its = reasons.get(current);
        if (its) its.add(reason);
        else reasons.set(current, new Set([reason]));
      }
    }
    writeFileSync(join(this.#instance, 'trace'), '');
    return reasons;
  }

  close(): void {
    writeFileSync(join(this.#instance, 'events/skb/kfree_skb/enable'), '0');
    closeSync(this.#marker);
    rmdirSync(this.#instance);
    spawnSync('umount', [this.#tracefs]);
    rmdirSync(this.#tracefs);
  }
}
