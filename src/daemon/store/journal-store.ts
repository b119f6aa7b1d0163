import { ftruncateSync, writeSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StoreState, type StoreNote } from '../../core/engine/store-state.ts';
import type { Store, StoreContents, StoreEntry } from '../../core/engine/store.ts';
import { DamagedLine, decodeLines, encodeLine } from './line.ts';

/** The first line: the layout of those that follow. */
const HEADER = { journal: 2 };

/** A journal below this size in bytes is not worth compacting. */
const COMPACT_FROM = 1 << 20;
/** A journal is compacted when it has grown to this many times what it held after the last time. */
const COMPACT_GROWTH = 4;

/** The journal cannot be read or written. The message names the file and says what to do. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
}

export interface JournalOptions {
  /** Told in a sentence what was discarded when a journal ended in the middle of a write. */
  readonly warn: (message: string) => void;
  /** Another one each time that the machine is started. */
  readonly boot: string;
  /** Size in bytes from which the journal is compacted. */
  readonly compactFrom?: number;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The records in one append-only file of checked lines; a note is a line, so it is there wholly or
 * not at all.
 *
 * A note reaches the kernel before its method returns, so it outlives this process however it ends.
 * Commits and writes resolve after an fdatasync; those that wait at the same time share one. That of a commit
 * begins with its intent, so that the disk and the kernel work at the same time.
 * When the file has grown it is replaced by a compact one (written aside, synced, renamed).
 * One process at a time may have a journal open.
 */
export class JournalStore implements Store {
  readonly #path: string;
  readonly #warn: (message: string) => void;
  readonly #boot: string;
  readonly #compactFrom: number;
  #state = new StoreState();
  #found: readonly number[] = [];
  #file: FileHandle | undefined;
  #size = 0;
  /** The part of the file that is known to be on the disk. */
  #durable = 0;
  /** The file's size when it was last compact. */
  #compact = 0;
  #waiting: Waiter[] = [];
  #flushing: Promise<void> | undefined;
  /** When the entries of intents are on the disk. */
  readonly #flushes = new Map<number, Promise<void>>();
  #compacting: Promise<void> | undefined;
  #failure: JournalError | undefined;

  constructor(path: string, options: JournalOptions) {
    this.#path = path;
    this.#warn = options.warn;
    this.#boot = options.boot;
    this.#compactFrom = options.compactFrom ?? COMPACT_FROM;
  }

  async load(): Promise<StoreContents> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o711 });
    await rm(this.#temporary, { force: true });
    const file = await open(this.#path, 'a+', 0o600);
    try {
      await this.#read(file);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#file = file;
    if (this.#state.boot !== this.#boot) await this.#append({ boot: this.#boot });
    this.#found = this.#state.intents();
    return this.#state.contents();
  }

  async begin(intent: unknown, entries?: readonly StoreEntry[]): Promise<number> {
    const begin = this.#state.nextIntent();
    await this.#append({ begin, intent, ...(entries && { entries }) });
    if (entries) {
      const flushed = this.#flushed();
      // Told to who commits.
      flushed.catch(() => undefined);
      this.#flushes.set(begin, flushed);
    }
    return begin;
  }

  async commit(intent: number): Promise<void> {
    const flushed = this.#flushes.get(intent);
    this.#flushes.delete(intent);
    await flushed;
    await this.#append({ commit: intent });
  }

  async abort(intent: number): Promise<void> {
    await this.#append({ abort: intent });
    if (this.#flushes.delete(intent)) await this.#flushed();
  }

  async settle(): Promise<void> {
    for (const abort of this.#found) await this.#append({ abort });
    this.#found = [];
  }

  async write(entries: readonly StoreEntry[]): Promise<void> {
    await this.#append({ write: entries });
    await this.#flushed();
  }

  async close(): Promise<void> {
    await this.#flushing;
    await this.#file?.close();
    this.#file = undefined;
    this.#failure ??= new JournalError(`${this.#path} is closed`);
  }

  /** How much of the file is known to be on the disk (bytes). */
  get durable(): number {
    return this.#durable;
  }

  get #temporary(): string {
    return `${this.#path}.new`;
  }

  async #read(file: FileHandle): Promise<void> {
    const bytes = await readFile(this.#path);
    const { values, length } = this.#decode(bytes);
    const [header, ...notes] = values;
    if (header !== undefined && JSON.stringify(header) !== JSON.stringify(HEADER)) {
      throw new JournalError(
        `${this.#path}: line 1 is ${JSON.stringify(header)}, not ${JSON.stringify(HEADER)}: another version of the ` +
          'program wrote it. Start that version, or move the file away to begin without records.',
      );
    }
    for (const note of notes) this.#state.apply(note as StoreNote);
    this.#size = length;
    if (length < bytes.length) {
      this.#warn(
        `${this.#path}: discarded the last ${bytes.length - length} bytes, the torn end of a write that never finished`,
      );
      await file.truncate(length);
    }
    if (header === undefined) this.#size += writeSync(file.fd, encodeLine(HEADER));
    await file.datasync();
    await this.#syncFolder();
    this.#durable = this.#size;
  }

  #decode(bytes: Buffer): ReturnType<typeof decodeLines> {
    try {
      return decodeLines(bytes);
    } catch (error) {
      if (!(error instanceof DamagedLine)) throw error;
      throw new JournalError(
        `${this.#path}: line ${error.line} is damaged (its checksum differs), and sound lines follow, so it is not ` +
          'the torn end of a write. Put back a copy of the file, or delete that line and lose the change that it held.',
        { cause: error },
      );
    }
  }

  /** Puts a note at the file's end, in one go with respect to other notes and to compaction. */
  async #append(note: StoreNote): Promise<void> {
    while (this.#compacting) await this.#compacting;
    if (this.#failure) throw this.#failure;
    if (!this.#file) throw new JournalError(`${this.#path} is not loaded`);
    const bytes = Buffer.from(encodeLine(note));
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(this.#file.fd, bytes, written);
    } catch (error) {
      const failure = new JournalError(`${this.#path}: cannot be written: ${describe(error)}`, { cause: error });
      this.#cutBack(this.#file, this.#size, failure);
      throw failure;
    }
    this.#size += bytes.length;
    this.#state.apply(note);
  }

  /** Takes a half-written end off the file. If that fails too, nothing more may be written behind it. */
  #cutBack(file: FileHandle, size: number, failure: JournalError): void {
    try {
      ftruncateSync(file.fd, size);
    } catch {
      this.#failure = failure;
    }
  }

  /** Resolves when all that was appended is on the disk. */
  #flushed(): Promise<void> {
    const flushed = new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#flushing ??= this.#flush();
    return flushed;
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const served = this.#waiting;
      this.#waiting = [];
      try {
        await this.#synchronise();
        for (const waiter of served) waiter.resolve();
      } catch (error) {
        for (const waiter of [...served, ...this.#waiting]) waiter.reject(error);
        this.#waiting = [];
      }
    }
    // At once: whoever waits from now on begins anew.
    this.#flushing = undefined;
  }

  async #synchronise(): Promise<void> {
    const file = this.#file;
    if (this.#failure || !file) throw this.#failure ?? new JournalError(`${this.#path} is not loaded`);
    if (this.#size > Math.max(this.#compactFrom, COMPACT_GROWTH * this.#compact)) {
      this.#compacting = this.#compactFile(file).finally(() => {
        this.#compacting = undefined;
      });
      return this.#compacting;
    }
    const size = this.#size;
    try {
      await file.datasync();
      this.#durable = size;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What the disk holds after a failed sync is unknown, and a second one may lie: nothing more is written. */
  #fail(error: unknown): never {
    const message = `${this.#path}: cannot be written to the disk: ${describe(error)}. See to the disk and start again.`;
    this.#failure = new JournalError(message, { cause: error });
    if (this.#file) this.#cutBack(this.#file, this.#durable, this.#failure);
    throw this.#failure;
  }

  /** Replaces the file by one that amounts to the same; either is there whole at any moment. */
  async #compactFile(old: FileHandle): Promise<void> {
    const text = Buffer.from([HEADER, ...this.#state.notes()].map(encodeLine).join(''));
    try {
      // Should the rename not reach the disk, the old file holds all that was promised.
      await old.datasync();
      this.#durable = this.#size;
      const file = await this.#writeAside(text);
      // Without room for a second file, the first goes on growing for a while.
      this.#compact = file ? text.length : this.#size;
      if (!file) return;
      await rename(this.#temporary, this.#path);
      this.#file = file;
      this.#size = this.#durable = text.length;
      await this.#syncFolder();
      await old.close();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #writeAside(text: Buffer): Promise<FileHandle | undefined> {
    const file = await open(this.#temporary, 'ax+', 0o600);
    try {
      await file.writeFile(text);
      await file.datasync();
      return file;
    } catch (error) {
      this.#warn(`${this.#temporary}: the journal could not be compacted and goes on growing: ${describe(error)}`);
      await file.close();
      await rm(this.#temporary, { force: true });
      return undefined;
    }
  }

  async #syncFolder(): Promise<void> {
    const folder = await open(dirname(this.#path), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
