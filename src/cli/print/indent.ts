/**
 * Indents JSON text by four spaces without reading it as values: the order of keys, large numbers
 * and escapes stay as the daemon wrote them.
 */
export function indentJson(json: string): string {
  let out = '';
  let depth = 0;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (/^[{[]\s*[}\]]$/.test(token)) out += token.replaceAll(/\s/g, '');
    else if (token === '{' || token === '[') out += token + newLine(++depth);
    else if (token === '}' || token === ']') out += newLine(--depth) + token;
    else if (token === ',') out += token + newLine(depth);
    else if (token === ':') out += ': ';
    else out += token;
  }
  return out;
}

function newLine(depth: number): string {
  return `\n${' '.repeat(4 * depth)}`;
}
