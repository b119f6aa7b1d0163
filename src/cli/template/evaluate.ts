import { FUNCTIONS } from './functions.ts';
import type { TemplateFunction } from './functions.ts';
import { TemplateError } from './syntax.ts';
import type { Command, Node, Operand, Pipeline } from './syntax.ts';
import { isMap, isTrue, print, Row } from './value.ts';

/** Steps that one execution may take: loops within loops over large data end here. */
const MOST_STEPS = 1_000_000;

/** Executes a template on `data`. `functions` take the place of those of the same name. Throws TemplateError. */
export function execute(
  nodes: readonly Node[],
  data: unknown,
  functions: Readonly<Record<string, TemplateFunction>> = {},
): string {
  const execution = new Execution(data, { ...FUNCTIONS, ...functions });
  execution.nodes(nodes, data);
  return execution.output;
}

class Execution {
  output = '';
  readonly #functions: Readonly<Record<string, TemplateFunction>>;
  /** The innermost last. */
  readonly #variables: { readonly name: string; value: unknown }[];
  #steps = 0;

  constructor(data: unknown, functions: Readonly<Record<string, TemplateFunction>>) {
    this.#functions = functions;
    this.#variables = [{ name: '$', value: data }];
  }

  nodes(nodes: readonly Node[], dot: unknown): void {
    for (const node of nodes) {
      if (++this.#steps > MOST_STEPS) throw new TemplateError('the template takes too many steps');
      if (node.kind === 'text') this.output += node.text;
      else if (node.kind === 'action') {
        const value = this.#pipeline(node.pipeline, dot);
        if (node.pipeline.variables.length === 0) this.output += print(value);
      } else this.#scoped(() => this.#control(node, dot));
    }
  }

  /** Variables that are made inside are gone afterwards. */
  #scoped(run: () => void): void {
    const depth = this.#variables.length;
    run();
    this.#variables.length = depth;
  }

  #control(node: Exclude<Node, { kind: 'text' | 'action' }>, dot: unknown): void {
    if (node.kind === 'range') return this.#range(node, dot);
    const value = this.#pipeline(node.pipeline, dot);
    if (isTrue(value)) this.nodes(node.body, node.kind === 'with' ? value : dot);
    else this.nodes(node.otherwise, dot);
  }

  #range(node: Exclude<Node, { kind: 'text' | 'action' }>, dot: unknown): void {
    const { variables, commands, declares } = node.pipeline;
    const value = this.#pipeline({ variables: [], declares, commands }, dot);
    const items = this.#items(value, node.pipeline.commands[0]![0]);
    if (items.length === 0) return this.nodes(node.otherwise, dot);
    for (const [key, item] of items)
      this.#scoped(() => {
        const values = variables.length === 2 ? [key, item] : [item];
        variables.forEach((name, at) => this.#variables.push({ name, value: values[at] }));
        this.nodes(node.body, item);
      });
  }

  #items(value: unknown, operand: Operand): readonly (readonly [unknown, unknown])[] {
    if (value === null || value === undefined) return [];
    if (Array.isArray(value)) return value.map((item: unknown, at) => [at, item]);
    if (isMap(value)) return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
    throw failureAt(operand, `range can't iterate over ${print(value)}`);
  }

  #pipeline(pipeline: Pipeline, dot: unknown): unknown {
    let value: unknown;
    let piped: unknown[] = [];
    for (const command of pipeline.commands) {
      value = this.#command(command, dot, piped);
      piped = [value];
    }
    for (const name of pipeline.variables)
      if (pipeline.declares) this.#variables.push({ name, value });
      else this.#variable(name).value = value;
    return value;
  }

  #command([first, ...rest]: Command, dot: unknown, piped: unknown[]): unknown {
    if (++this.#steps > MOST_STEPS) throw new TemplateError('the template takes too many steps');
    if (first.kind === 'call') {
      const call = this.#functions[first.name]!;
      if (rest.length + piped.length < Math.min(call.length, 1))
        throw failureAt(first, `wrong number of args for ${first.name}`);
      const args = [...rest.map((operand) => this.#operand(operand, dot, [])), ...piped];
      try {
        return call(...args);
      } catch (error) {
        throw error instanceof TemplateError ? failureAt(first, error.message) : error;
      }
    }
    const args = [...rest.map((operand) => this.#operand(operand, dot, [])), ...piped];
    const value = this.#operand(first, dot, args);
    return value;
  }

  #operand(operand: Operand, dot: unknown, args: readonly unknown[]): unknown {
    switch (operand.kind) {
      case 'dot':
      case 'literal':
        if (args.length > 0) throw failureAt(operand, `can't give argument to non-function ${operand.source}`);
        return operand.kind === 'dot' ? dot : operand.value;
      case 'field':
        return this.#walk(dot, operand.path, operand, args);
      case 'variable':
        return this.#walk(this.#variable(operand.name).value, operand.path, operand, args);
      case 'nested':
        return this.#walk(this.#pipeline(operand.pipeline, dot), operand.path, operand, args);
      case 'call':
        return this.#command([operand], dot, [...args]);
    }
  }

  /** Follows fields; only the last one may be a method that takes arguments. */
  #walk(start: unknown, path: readonly string[], operand: Operand, args: readonly unknown[]): unknown {
    let value = start;
    for (const name of path) value = fieldOf(value, name, operand);
    if (typeof value === 'function') {
      const method = value as TemplateFunction;
      if (args.length !== method.length)
        throw failureAt(operand, `wrong number of args for ${path.at(-1)}: want ${method.length} got ${args.length}`);
      return method(...args);
    }
    if (args.length > 0)
      throw failureAt(operand, `${path.at(-1) ?? operand.source} has arguments but cannot be invoked as function`);
    return value;
  }

  #variable(name: string): { value: unknown } {
    const found = this.#variables.findLast((variable) => variable.name === name);
    if (!found) throw new TemplateError(`undefined variable ${JSON.stringify(name)}`);
    return found;
  }
}

function fieldOf(value: unknown, name: string, operand: Operand): unknown {
  if (value instanceof Row) {
    if (value.has(name)) return value.get(name);
    throw failureAt(operand, `can't evaluate field ${name} in type ${value.type}`);
  }
  if (isMap(value)) {
    if (Object.hasOwn(value, name)) return value[name];
    throw failureAt(operand, `map has no entry for key ${JSON.stringify(name)}`);
  }
  if (value === null || value === undefined)
    throw failureAt(operand, `nil data; no entry for key ${JSON.stringify(name)}`);
  throw failureAt(operand, `can't evaluate field ${name} in type ${typeof value}`);
}

/** Go names the place and what stands there; templates of `--format` have one line. */
function failureAt(operand: Operand, message: string): TemplateError {
  return new TemplateError(`:1:${operand.at}: executing "" at <${operand.source}>: ${message}`);
}
