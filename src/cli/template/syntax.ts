/** The tree of a template: the part of Go's text/template that users of `--format` write. */

export interface Place {
  /** Offset in the template. */
  readonly at: number;
  readonly source: string;
}

export type Operand = (
  | { readonly kind: 'dot' }
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'call'; readonly name: string }
  | { readonly kind: 'nested'; readonly pipeline: Pipeline; readonly path: readonly string[] }
) &
  Place;

/** The first operand with the others as its arguments. */
export type Command = readonly [Operand, ...Operand[]];

export interface Pipeline {
  readonly variables: readonly string[];
  /** `:=` makes them, `=` changes them. */
  readonly declares: boolean;
  readonly commands: readonly Command[];
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'with' | 'range';
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** A template that cannot be read, or data that it does not fit. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}
