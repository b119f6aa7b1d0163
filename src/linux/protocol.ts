/** What the main thread and the worker that talks to the kernel say to each other. */
import type { Notice, Presence, Scope } from '../core/engine/kernel.ts';
import type { Namespace } from '../core/plan/object.ts';

/** What the worker is started with. */
export interface Settings {
  /** The folder of the sandboxes' namespaces. */
  readonly folder: string;
  /** The path of the namespace that is `host`; undefined: the process's own. */
  readonly host: string | undefined;
}

export type Task =
  /** The steps as JSON, without their reasons: half the work of the clone that a message gets. */
  | { readonly task: 'apply'; readonly steps: string }
  | { readonly task: 'observe'; readonly scope: Scope }
  | { readonly task: 'flush'; readonly address: string; readonly port: number }
  | { readonly task: 'announce'; readonly presence: Presence }
  | { readonly task: 'watch'; readonly watch: number; readonly namespace: Namespace }
  | { readonly task: 'unwatch'; readonly watch: number }
  | { readonly task: 'close' };

export type Request = Task & { readonly id: number };

/** An error as it crosses between threads. `step` is the refused step's index. */
export interface Refusal {
  readonly message: string;
  readonly code: string;
  readonly step: number;
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly refusal: Refusal }
  /** Something changed in the namespace of that watch. */
  | { readonly watch: number; readonly notice: Notice };
