/** What was looked at, and whether it was as it must be. */
export class Checklist {
  readonly #print: (line: string) => void;
  passed = 0;
  failed = 0;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Notes one thing that must be true; `seen` is shown when it is not. */
  check(claim: string, isTrue: boolean, seen: unknown = ''): void {
    if (isTrue) {
      this.passed++;
      this.#print(`  \u2713 ${claim}`);
    } else {
      this.failed++;
      this.#print(`  \u2717 ${claim}\n    seen: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`);
    }
  }

  /** Both texts, line by line, white space folded. */
  same(claim: string, seen: string, wanted: string): void {
    const folded = (text: string): string =>
      text
        .split('\n')
        .map((line) => line.trim().replace(/\s+/g, ' '))
        .filter(Boolean)
        .join('\n');
    this.check(claim, folded(seen) === folded(wanted), `\n${seen}\n    wanted:\n${wanted}`);
  }
}
