import { split } from './lexer.ts';
import type { Part, Token } from './lexer.ts';
import { FUNCTIONS } from './functions.ts';
import { TemplateError } from './syntax.ts';
import type { Command, Node, Operand, Pipeline } from './syntax.ts';

/** Deeper nesting is a mistake, or an attack on the stack. */
const DEEPEST = 100;

/** Reads a template. Throws TemplateError. */
export function parse(template: string): readonly Node[] {
  const parser = new BlockParser(split(template), template);
  const [nodes, end] = parser.block([], 0);
  if (end) throw new TemplateError(`unexpected {{${end}}}`);
  return nodes;
}

class BlockParser {
  readonly #parts: readonly Part[];
  readonly #template: string;
  #next = 0;

  constructor(parts: readonly Part[], template: string) {
    this.#parts = parts;
    this.#template = template;
  }

  /** Nodes up to one of the ending words, and that word. */
  block(ends: readonly string[], depth: number): readonly [Node[], string | undefined] {
    if (depth > DEEPEST) throw new TemplateError('blocks are nested too deeply');
    const nodes: Node[] = [];
    for (;;) {
      const part = this.#parts[this.#next++];
      if (!part) {
        if (ends.length > 0) throw new TemplateError('unexpected EOF');
        return [nodes, undefined];
      }
      if (part.kind === 'text') {
        nodes.push(part);
        continue;
      }
      const tokens = new Tokens(part.tokens, this.#template);
      const word = tokens.keyword();
      if (word === 'end' || word === 'else') {
        if (!ends.includes(word)) throw new TemplateError(`unexpected {{${word}}}`);
        if (word === 'else' && !tokens.done()) nodes.push(this.#elseIf(tokens, depth));
        else if (!tokens.done()) throw new TemplateError(`unexpected ${tokens.peek()} in ${word}`);
        else return [nodes, word];
        return [nodes, 'else if'];
      }
      nodes.push(word ? this.#control(word, tokens, depth) : { kind: 'action', pipeline: tokens.whole() });
    }
  }

  #control(kind: 'if' | 'with' | 'range', tokens: Tokens, depth: number): Node {
    const pipeline = tokens.whole();
    const [body, end] = this.block(['else', 'end'], depth + 1);
    if (end === 'else if') return { kind, pipeline, body: body.slice(0, -1), otherwise: body.slice(-1) };
    const otherwise = end === 'else' ? this.block(['end'], depth + 1)[0] : [];
    return { kind, pipeline, body, otherwise };
  }

  /** `{{else if …}}` is an if of its own, whose end is also the outer one's. */
  #elseIf(tokens: Tokens, depth: number): Node {
    const kind = tokens.keyword();
    if (kind !== 'if' && kind !== 'with') throw new TemplateError(`unexpected ${tokens.peek()} in else`);
    return this.#control(kind, tokens, depth + 1);
  }
}

class Tokens {
  readonly #tokens: readonly Token[];
  readonly #template: string;
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], template: string) {
    this.#tokens = tokens;
    this.#template = template;
    this.#space();
  }

  /** The word that makes the action more than a pipeline. */
  keyword(): 'if' | 'with' | 'range' | 'end' | 'else' | undefined {
    const token = this.#tokens[this.#next];
    const word = ['if', 'with', 'range', 'end', 'else'].find((each) => token?.kind === 'name' && token.text === each);
    if (!word) return undefined;
    this.#next++;
    this.#space();
    return word as 'if' | 'with' | 'range' | 'end' | 'else';
  }

  done(): boolean {
    this.#space();
    return this.#next >= this.#tokens.length;
  }

  peek(): string {
    return JSON.stringify(this.#tokens[this.#next]?.text ?? '}}');
  }

  whole(): Pipeline {
    const pipeline = this.#pipeline();
    if (!this.done()) throw new TemplateError(`unexpected ${this.peek()} in operand`);
    return pipeline;
  }

  #pipeline(): Pipeline {
    if (++this.#depth > DEEPEST) throw new TemplateError('parentheses are nested too deeply');
    const { variables, declares } = this.#declaration();
    const commands: Command[] = [this.#command()];
    while (this.#takes('|')) {
      this.#space();
      commands.push(this.#command());
    }
    this.#depth--;
    return { variables, declares, commands };
  }

  /** `$x :=`, `$key, $value :=`, `$x =`. */
  #declaration(): { variables: readonly string[]; declares: boolean } {
    const start = this.#next;
    const variables: string[] = [];
    while (this.#tokens[this.#next]?.kind === 'variable') {
      variables.push(this.#tokens[this.#next++]!.text);
      this.#space();
      if (this.#takes(':=')) return this.#declared(variables, true);
      if (this.#takes('=')) return this.#declared(variables, false);
      if (!this.#takes(',')) break;
      this.#space();
    }
    this.#next = start;
    return { variables: [], declares: false };
  }

  #declared(variables: readonly string[], declares: boolean) {
    this.#space();
    if (variables.length > 2) throw new TemplateError('too many declarations in command');
    return { variables, declares };
  }

  #command(): Command {
    const operands: Operand[] = [];
    for (;;) {
      const operand = this.#operand();
      if (!operand) break;
      operands.push(operand);
      if (!this.#space()) break;
    }
    const [first, ...rest] = operands;
    if (!first)
      throw new TemplateError(this.done() ? 'missing value for command' : `unexpected ${this.peek()} in command`);
    return [first, ...rest];
  }

  #operand(): Operand | undefined {
    const token = this.#tokens[this.#next];
    if (!token) return undefined;
    const place = (): { at: number; source: string } => {
      const last = this.#tokens[this.#next - 1]!;
      return { at: token.at, source: this.#template.slice(token.at, last.at + last.text.length) };
    };
    switch (token.kind) {
      case 'field': {
        const path = this.#path();
        return { kind: 'field', path, ...place() };
      }
      case 'variable': {
        this.#next++;
        const path = this.#path();
        return { kind: 'variable', name: token.text, path, ...place() };
      }
      case 'string':
      case 'number':
        this.#next++;
        return {
          kind: 'literal',
          value: token.kind === 'number' ? Number(token.text) : unquote(token.text),
          ...place(),
        };
      case 'name':
        this.#next++;
        return { ...named(token.text), ...place() };
      case 'sign':
        if (this.#takes('.')) return { kind: 'dot', ...place() };
        if (!this.#takes('(')) return undefined;
        return this.#nested(place);
      case 'space':
      case 'end':
        return undefined;
    }
  }

  #nested(place: () => { at: number; source: string }): Operand {
    this.#space();
    const pipeline = this.#pipeline();
    this.#space();
    if (!this.#takes(')')) throw new TemplateError('unclosed left paren');
    const path = this.#path();
    return { kind: 'nested', pipeline, path, ...place() };
  }

  #path(): readonly string[] {
    const path: string[] = [];
    while (this.#tokens[this.#next]?.kind === 'field') path.push(this.#tokens[this.#next++]!.text.slice(1));
    return path;
  }

  #takes(sign: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== 'sign' || token.text !== sign) return false;
    this.#next++;
    return true;
  }

  #space(): boolean {
    if (this.#tokens[this.#next]?.kind !== 'space') return false;
    this.#next++;
    return true;
  }
}

function named(word: string): { kind: 'literal'; value: boolean | null } | { kind: 'call'; name: string } {
  if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' };
  if (word === 'nil') return { kind: 'literal', value: null };
  if (!Object.hasOwn(FUNCTIONS, word)) throw new TemplateError(`function ${JSON.stringify(word)} not defined`);
  return { kind: 'call', name: word };
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

/** A Go string literal's value; of a character literal, its code. */
function unquote(literal: string): string | number {
  const inner = literal.slice(1, -1);
  if (literal.startsWith('`')) return inner;
  const value = inner.replaceAll(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)/g, (_, code: string) =>
    code.length > 1 ? String.fromCodePoint(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
  );
  return literal.startsWith("'") ? (value.codePointAt(0) ?? 0) : value;
}
