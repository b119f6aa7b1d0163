import type { PruneFilter } from './engine.ts';
import type { EngineEvent } from './event.ts';

/** Whether a prune takes a record with these labels and this time of creation. */
export function matchesPrune(
  { labels, withoutLabels, until }: PruneFilter,
  record: { readonly labels: Readonly<Record<string, string>>; readonly created: string },
): boolean {
  const has = (wanted: string): boolean => {
    const at = wanted.indexOf('=');
    if (at < 0) return Object.hasOwn(record.labels, wanted);
    return record.labels[wanted.slice(0, at)] === wanted.slice(at + 1);
  };
  if (until && Date.parse(record.created) >= Date.parse(until)) return false;
  return labels.every(has) && !withoutLabels.some(has);
}

/** What is told when a prune is over. */
export const pruned = (type: EngineEvent['type'], time: string, reclaimed = 0): EngineEvent => ({
  type,
  action: 'prune',
  id: '',
  attributes: { reclaimed: String(reclaimed) },
  time,
});
