/** The keys that end an attach and leave the container running. */
import { EngineError } from '../../../core/network/error.ts';

const DEFAULT = 'ctrl-p,ctrl-q';

/** Reads `ctrl-p,ctrl-q` or `a,ctrl-[`: each a character, or control with a letter or one of @ [ \ ] ^ _. */
export function parseDetachKeys(text: string): Uint8Array {
  const keys = (text || DEFAULT).split(',').map((key) => {
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    const letter = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (letter === undefined) throw new EngineError('invalid', `Invalid detach keys (${text}) provided`);
    return letter.toUpperCase().charCodeAt(0) - 0x40;
  });
  return Uint8Array.from(keys);
}

/** Finds the keys in what is typed. Bytes that may be their beginning are held back. */
export class DetachScanner {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** What is to be passed on of `data`, and whether the keys were typed. */
  scan(data: Uint8Array): { readonly pass: Uint8Array; readonly detached: boolean } {
    const pass: number[] = [];
    for (const byte of data) {
      if (byte !== this.#keys[this.#matched]) {
        for (let held = 0; held < this.#matched; held++) pass.push(this.#keys[held]!);
        this.#matched = 0;
      }
      if (byte !== this.#keys[this.#matched]) pass.push(byte);
      else if (++this.#matched === this.#keys.length) return { pass: Uint8Array.from(pass), detached: true };
    }
    return { pass: Uint8Array.from(pass), detached: false };
  }
}
