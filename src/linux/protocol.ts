/** What the main thread and the worker that talks to the kernel say to each other. */
import type { Notice, Presence, Scope } from '../core/engine/kernel.ts';
import type { Namespace } from '../core/plan/object.ts';

/** What the worker is started with. */
export interface Settings {
  /** Says how far the worker has told what it heard: see `Hearing`. */
  readonly hearing: Int32Array;
}

/** Places in `Settings.hearing`. */
export const Hearing = {
  /** 1 while the worker takes what the kernel told. */
  listening: 0,
  /** How many notices it has sent. */
  sent: 1,
} as const;

export type Task =
  /** The steps as JSON, without their reasons: half the work of the clone that a message gets. */
  | { readonly task: 'apply'; readonly steps: string }
  | { readonly task: 'observe'; readonly scope: Scope }
  | { readonly task: 'flush'; readonly address: string; readonly port: number }
  | { readonly task: 'announce'; readonly presence: Presence }
  /** Answered with the sockets that are listened to. */
  | { readonly task: 'watch'; readonly watch: number; readonly namespace: Namespace }
  /** Answered when what the kernel told before was told. */
  | { readonly task: 'hear' }
  | { readonly task: 'unwatch'; readonly watch: number }
  | { readonly task: 'close' };

/** What comes first of a ground, and has no answer. */
export interface Opening {
  readonly task: 'open';
  /** Of the sandboxes' namespaces. */
  readonly folder: string;
  /** The path of the namespace that is `host`; undefined: the process's own. */
  readonly host: string | undefined;
}

/** `ground`: the number of the host that it is about. */
export type Request = (Opening | (Task & { readonly id: number })) & { readonly ground: number };

/** An error as it crosses between threads. `step` is the refused step's index. */
export interface Refusal {
  readonly message: string;
  readonly code: string;
  readonly step: number;
}

export type Answer =
  /** The request of that number is done, and has no value. */
  | number
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly refusal: Refusal }
  /** Something changed in the namespace of that watch. */
  | { readonly watch: number; readonly notice: Notice };
