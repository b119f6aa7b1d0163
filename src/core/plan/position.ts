import type { Position } from './object.ts';

const SECTIONS = { first: 0, head: 1, tail: 2 } as const;

/** Negative if a rule at `a` stands before one at `b` in their chain; 0 if either may lead. */
export function comparePositions(a: Position, b: Position): number {
  if (a.section !== b.section) return SECTIONS[a.section] - SECTIONS[b.section];
  const bySequence = a.section === 'head' ? b.sequence - a.sequence : a.sequence - b.sequence;
  return bySequence || a.index - b.index;
}
