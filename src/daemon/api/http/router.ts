import type { Handler } from './call.ts';

/**
 * `METHOD /path/{variable}`. A variable is one part of the path; `{name*}` also takes parts with
 * slashes in between, as image names have them.
 */
export type Routes = Readonly<Record<string, Handler>>;

interface Route {
  readonly pattern: RegExp;
  readonly handler: Handler;
}

export interface Found {
  readonly handler: Handler;
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the handler for a method and a path; the routes that were given first are tried first. */
export class Router {
  readonly #routes = new Map<string, Route[]>();

  constructor(...tables: readonly Routes[]) {
    for (const [route, handler] of tables.flatMap((table) => Object.entries(table))) {
      const [method = '', path = ''] = route.split(' ');
      const key = bucket(method, path);
      const entry = { pattern: compile(path), handler };
      const routes = this.#routes.get(key);
      if (routes) routes.push(entry);
      else this.#routes.set(key, [entry]);
    }
  }

  find(method: string, path: string): Found | undefined {
    for (const { pattern, handler } of this.#routes.get(bucket(method, path)) ?? []) {
      const match = pattern.exec(path);
      if (match) return { handler, params: { ...match.groups } };
    }
    return undefined;
  }
}

/** The first part of a path never varies. */
const bucket = (method: string, path: string): string => `${method} ${path.split('/', 2)[1]}`;

function compile(path: string): RegExp {
  const source = path.replaceAll(/\{(\w+)(\*?)\}/g, (_, name: string, many: string) =>
    many ? `(?<${name}>.+)` : `(?<${name}>[^/]+)`,
  );
  return new RegExp(`^${source}$`);
}
