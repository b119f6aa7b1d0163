import { TemplateError } from './syntax.ts';

export interface Token {
  readonly kind: 'name' | 'field' | 'variable' | 'string' | 'number' | 'sign' | 'space' | 'end';
  readonly text: string;
  readonly at: number;
}

/** Text, or the tokens between `{{` and `}}`. */
export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly Token[] };

const TOKENS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['space', /\s+/y],
  ['string', /"(?:[^"\\\n]|\\[^\n])*"|`[^`]*`|'(?:[^'\\\n]|\\[^\n])*'/y],
  ['number', /[+-]?\d+(?:\.\d+)?/y],
  ['field', /\.[A-Za-z_][\w]*/y],
  ['variable', /\$[\w]*/y],
  ['name', /[A-Za-z_]\w*/y],
  ['sign', /:=|[=|(),.]/y],
];

/** Cuts a template up; `{{-` and `-}}` trim the text beside them, comments vanish. Throws TemplateError. */
export function split(template: string): readonly Part[] {
  const parts: Part[] = [];
  let trim = false;
  for (let at = 0; at < template.length;) {
    const open = template.indexOf('{{', at);
    let text = template.slice(at, open < 0 ? undefined : open);
    if (trim) text = text.trimStart();
    const trimsLeft = open >= 0 && /^-\s/.test(template.slice(open + 2, open + 4));
    if (trimsLeft) text = text.trimEnd();
    if (text !== '') parts.push({ kind: 'text', text });
    if (open < 0) break;
    const start = open + (trimsLeft ? 3 : 2);
    const comment = /\s*\/\*[\s\S]*?\*\/\s*-?\}\}/y;
    comment.lastIndex = start;
    const skipped = comment.exec(template)?.[0];
    const action =
      skipped === undefined
        ? readAction(template, start)
        : { tokens: [], end: start + skipped.length, trims: skipped.endsWith('-}}') };
    if (skipped === undefined) parts.push({ kind: 'action', tokens: action.tokens });
    trim = action.trims;
    at = action.end;
  }
  return parts;
}

function readAction(template: string, start: number): { tokens: Token[]; end: number; trims: boolean } {
  const tokens: Token[] = [];
  for (let at = start; ;) {
    if (template.startsWith('}}', at)) return { tokens, end: at + 2, trims: false };
    if (/\s/.test(template[at - 1] ?? '') && template.startsWith('-}}', at))
      return { tokens, end: at + 3, trims: true };
    const token = readToken(template, at);
    tokens.push(token);
    at += token.text.length;
  }
}

function readToken(template: string, at: number): Token {
  for (const [kind, pattern] of TOKENS) {
    pattern.lastIndex = at;
    const text = pattern.exec(template)?.[0];
    if (text !== undefined) return { kind, text, at };
  }
  if (at >= template.length) throw new TemplateError('unclosed action');
  if (/["'`]/.test(template[at]!)) throw new TemplateError('unterminated quoted string');
  throw new TemplateError(`unexpected ${JSON.stringify(template[at])} in command`);
}
