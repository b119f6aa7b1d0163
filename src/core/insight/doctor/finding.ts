import type { Facts } from './facts.ts';

/** An error keeps somebody from a service now; a warning may; a note is to be known. */
export type Severity = 'error' | 'warning' | 'note';

/** What is wrong, how one sees it, and what to change first. */
export interface Finding {
  readonly check: string;
  readonly severity: Severity;
  /** One plain sentence. */
  readonly what: string;
  /** Rules with their counters, routes, settings, as the tools show them. */
  readonly proof: readonly string[];
  /** A command, or in words what only the owner of a program can do. */
  readonly first: string;
  /** Whom it is about; absent: the whole host. */
  readonly concerns?: Concerns;
}

export interface Concerns {
  readonly networks?: readonly string[];
  readonly containers?: readonly string[];
  /** Ports of the host. */
  readonly ports?: readonly number[];
}

/** Looks at the facts alone. */
export type Check = (facts: Facts) => readonly Omit<Finding, 'check'>[];
