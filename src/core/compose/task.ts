/** What bringing a project up or down comes to: requests to the engine, in tasks that wait for each other. */

export interface EngineCall {
  readonly method: 'POST' | 'DELETE';
  /** With its query, without the API version. */
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  /** What the failure of this call means to the user: `Cannot start service web`. */
  readonly purpose?: string;
  /** It is as good that there is nothing left to do it to. */
  readonly mayBeGone?: true;
}

/** Another container's state that a task waits for. */
export interface Wait {
  readonly container: string;
  readonly condition: 'healthy' | 'completed';
}

export interface Task {
  readonly id: string;
  /** Ids of the tasks that have to be done before; ids that are not in the plan count as done. */
  readonly after: readonly string[];
  /** A line, or a line that ends in `... done` when the calls are. */
  readonly says: { readonly line: string } | { readonly verb: string; readonly name: string };
  readonly waits: readonly Wait[];
  /** One after the other. */
  readonly calls: readonly EngineCall[];
}

export function line(id: string, text: string, calls: readonly EngineCall[] = [], after: readonly string[] = []): Task {
  return { id, after, says: { line: text }, waits: [], calls };
}

/** A path of the API, its parts escaped. */
export function apiPath(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}
