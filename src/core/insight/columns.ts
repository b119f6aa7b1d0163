/** Two columns of words, each wrapped within its width. */

/** Below this width the right column goes under the left one. */
const NARROW = 80;

/** `indent`: what stands free at the left. Every line ends in a line feed. */
export function columns(rows: readonly (readonly [string, string])[], width: number, indent: number): string {
  const margin = ' '.repeat(indent);
  if (width < NARROW) {
    const room = Math.max(20, width - indent - 4);
    return rows
      .map(([left, right]) =>
        [...wrap(left, room), ...wrap(right, room).map((line) => `    ${line}`)]
          .map((line) => `${margin}${line}\n`)
          .join(''),
      )
      .join('');
  }
  const longest = Math.max(...rows.map(([left]) => left.length));
  const first = Math.min(longest, Math.floor((width - indent) * 0.45));
  const second = width - indent - first - 2;
  return rows
    .map(([left, right]) => {
      const lefts = wrap(left, first);
      const rights = wrap(right, second);
      return Array.from({ length: Math.max(lefts.length, rights.length) }, (_, line) =>
        `${margin}${(lefts[line] ?? '').padEnd(first)}  ${rights[line] ?? ''}`.trimEnd(),
      )
        .map((line) => `${line}\n`)
        .join('');
    })
    .join('');
}

/** Lines of at most `width`, but for words that are longer; the ones after the first are indented by two. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && longer.length > width) {
      lines.push(line);
      line = `  ${word}`;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
