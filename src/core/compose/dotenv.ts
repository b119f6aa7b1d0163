/** The variables of `.env` and `env_file`, in the format of python-dotenv, which docker-compose reads. */

/** `$VAR` without braces is left as it is, so that passwords with a dollar sign survive. */
const BRACED = /\$\{([^}:]*)(?::-([^}]*))?\}/g;
const KEY = /^\s*(?:export\s+)?([^\s=#'"]+|'[^']+')\s*(=)?[^\S\n]*/;
const DOUBLE = /^"((?:[^"\\]|\\[\s\S])*)"/;
const SINGLE = /^'((?:[^'\\]|\\[\s\S])*)'/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

/**
 * Reads `KEY=value` lines: comments, `export `, single and double quotes (which may span lines),
 * `${VAR}` and `${VAR:-word}` in values that are not in single quotes. A key without `=` has no
 * value (null): it is passed on from the environment, which `environment` gives.
 * Lines that are none of these are skipped, as python-dotenv does.
 */
export function readDotenv(
  text: string,
  environment: (name: string) => string | undefined,
): Map<string, string | null> {
  const variables = new Map<string, string | null>();
  const expand = (value: string): string =>
    value.replaceAll(
      BRACED,
      (_, name: string, word?: string) => environment(name) ?? variables.get(name) ?? word ?? '',
    );
  let rest = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  while (rest !== '') {
    const key = KEY.exec(rest);
    if (!key || rest.trimStart().startsWith('#')) {
      rest = afterLine(rest.replace(/^\s*/, ''));
      continue;
    }
    rest = rest.slice(key[0].length);
    const name = key[1]!.replace(/^'(.*)'$/, '$1');
    const [value, length] = key[2] ? readValue(rest, expand) : [null, 0];
    variables.set(name, value);
    rest = afterLine(rest.slice(length));
  }
  return variables;
}

function readValue(rest: string, expand: (value: string) => string): [string, number] {
  const single = SINGLE.exec(rest);
  if (single) return [single[1]!.replaceAll(/\\(['\\])/g, '$1'), single[0].length];
  const double = DOUBLE.exec(rest);
  if (double) {
    const value = double[1]!.replaceAll(/\\([\s\S])/g, (all, letter: string) => unescape(all, letter));
    return [expand(value), double[0].length];
  }
  const plain = /^[^\n]*/.exec(rest)![0];
  return [expand(plain.replace(/\s+#.*$|^#.*$/, '').trimEnd()), plain.length];
}

function unescape(all: string, letter: string): string {
  return ESCAPES[letter] ?? (letter === '"' || letter === '\\' || letter === "'" ? letter : all);
}

function afterLine(text: string): string {
  const end = text.indexOf('\n');
  return end < 0 ? '' : text.slice(end + 1);
}
