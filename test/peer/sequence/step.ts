/** One request to the Engine API. `{c1}` in it stands for the id that the side gave to c1, `{c1:12}` for its beginning. */
export interface Step {
  readonly method: 'POST' | 'DELETE' | 'GET';
  readonly path: string;
  readonly body?: unknown;
  /** What later Docker answers, if 20.10 would do it: then Passerelle alone is asked, and nothing may have changed. */
  readonly later?: { readonly status: number; readonly message: string };
}

export const describe = ({ method, path, body }: Step): string =>
  `${method} ${path}${body === undefined ? '' : ` ${JSON.stringify(body)}`}`;
