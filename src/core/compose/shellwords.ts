/**
 * Splits a command as a POSIX shell would, without doing anything else a shell does.
 * Undefined if a quote is not closed.
 */
export function splitWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "'") {
      const end = line.indexOf("'", at + 1);
      if (end < 0) return undefined;
      word = (word ?? '') + line.slice(at + 1, end);
      at = end;
    } else if (character === '"') {
      const quoted = /^"((?:[^"\\]|\\[\s\S])*)"/.exec(line.slice(at));
      if (!quoted) return undefined;
      word =
        (word ?? '') +
        quoted[1]!.replaceAll(/\\(["\\$`\n])/g, (_, escaped: string) => (escaped === '\n' ? '' : escaped));
      at += quoted[0].length - 1;
    } else if (character === '\\') {
      if (++at >= line.length) return undefined;
      word = (word ?? '') + line[at]!;
    } else word = (word ?? '') + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}
