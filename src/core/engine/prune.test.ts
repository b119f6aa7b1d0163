import { expect, test } from 'vitest';
import type { PruneFilter } from './engine.ts';
import { matchesPrune } from './prune.ts';

const RECORD = { labels: { env: 'test', note: '', pair: 'a=b' }, created: '2024-01-01T12:00:00.000000001Z' };

test.each<{ filter: Partial<PruneFilter>; takes: boolean }>([
  { filter: {}, takes: true },
  { filter: { labels: ['env'] }, takes: true },
  { filter: { labels: ['env=test'] }, takes: true },
  { filter: { labels: ['env=live'] }, takes: false },
  { filter: { labels: ['env', 'other'] }, takes: false },
  { filter: { labels: ['note'] }, takes: true },
  { filter: { labels: ['note='] }, takes: true },
  { filter: { labels: ['pair=a=b'] }, takes: true },
  { filter: { labels: ['toString'] }, takes: false },
  { filter: { withoutLabels: ['env'] }, takes: false },
  { filter: { withoutLabels: ['env=live'] }, takes: true },
  { filter: { withoutLabels: ['other', 'note'] }, takes: false },
  { filter: { until: '2024-01-01T12:00:01Z' }, takes: true },
  { filter: { until: '2024-01-01T12:00:00Z' }, takes: false },
  { filter: { until: '2024-01-01T12:00:01Z', labels: ['other'] }, takes: false },
])('$filter: $takes', ({ filter, takes }) => {
  expect(matchesPrune({ labels: [], withoutLabels: [], ...filter }, RECORD)).toBe(takes);
});
