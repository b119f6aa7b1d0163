/** Time and chance, given from outside so that the engine has none of its own. */
export interface Clock {
  /** RFC 3339 in UTC with nanoseconds: `2019-11-23T17:18:36.467168945Z`. */
  now(): string;
  /** Milliseconds since 1970. */
  milliseconds(): number;
  /** Calls `run` after `milliseconds`; `cancel` forgets it. */
  after(milliseconds: number, run: () => void): { cancel(): void };
  /** `bytes` random bytes in lower-case hexadecimal. */
  hex(bytes: number): string;
}
