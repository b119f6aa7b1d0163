import type { HostObject } from '../../plan/object.ts';

/** Whom an object is there for: one of our records, or a program that is not ours. */
export interface EntryOwner {
  readonly kind: 'engine' | 'network' | 'endpoint' | 'sandbox' | 'foreign';
  readonly id: string;
  readonly name: string;
}

/**
 * What became of an object: as wanted; wanted and not there; there with other values; wanted by a
 * record no more; made by somebody else.
 */
export type EntryState = 'present' | 'missing' | 'different' | 'stale' | 'foreign';

/** One object of a host, with its reason. */
export interface Entry {
  readonly object: HostObject;
  /** One line, in the words of the tools that show it. */
  readonly text: string;
  /** Of rules that are there: the how manieth of its chain, from 1. */
  readonly number?: number;
  readonly state: EntryState;
  /** Of `different`: what is there instead. */
  readonly found?: string;
  readonly owner: EntryOwner;
  readonly why: string;
}
