/** The events of the engine, as the Engine API tells them. */
import type { EngineEvent, Events } from '../../../core/engine/event.ts';
import { Filters } from '../http/filters.ts';
import type { Query } from '../http/query.ts';
import { nanoseconds, readInstant, seconds } from '../http/time.ts';
import { sorted } from '../sorted.ts';

const KNOWN = ['container', 'daemon', 'event', 'image', 'label', 'network', 'scope', 'type', 'volume'];

export interface EventQuery {
  /** Nanoseconds since 1970. */
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  readonly matches: (event: EngineEvent) => boolean;
}

export function readEventQuery(query: Query): EventQuery {
  const filters = Filters.read(query, KNOWN);
  const instant = (name: string): bigint | undefined => {
    const text = readInstant(query.text(name));
    return text === undefined ? undefined : nanoseconds(text);
  };
  return { since: instant('since'), until: instant('until'), matches: (event) => matches(event, filters) };
}

function matches({ type, action, id, attributes }: EngineEvent, filters: Filters): boolean {
  const name = attributes['name'];
  const isOf = (kind: EngineEvent['type']): boolean =>
    filters.some(kind, (ref) => {
      if (type === kind) return ref === name || (ref !== '' && id.startsWith(ref));
      // The image that a container was made of counts too.
      return kind === 'image' && type === 'container' && attributes['image'] === ref;
    });
  return (
    filters.exact('type', type) &&
    filters.exact('scope', 'local') &&
    filters.some('event', (wanted) => action === wanted || action.startsWith(`${wanted}:`)) &&
    filters.labels(attributes) &&
    (['container', 'network', 'image', 'volume', 'daemon'] as const).every(isOf)
  );
}

/** One line of JSON. The time in nanoseconds is more than a JavaScript number holds. */
export function presentEvent({ type, action, id, attributes, time }: EngineEvent): string {
  const shown = {
    ...(type === 'container' || type === 'image' ? { status: action, id } : {}),
    ...(type === 'container' && attributes['image'] ? { from: attributes['image'] } : {}),
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: sorted(attributes) },
    scope: 'local',
    time: seconds(time),
  };
  return `${JSON.stringify(shown).slice(0, -1)},"timeNano":${nanoseconds(time)}}\n`;
}

/** Past events from `since` on, then those that come until `until`, or until the iteration is left. */
export function eventLines(events: Events, query: EventQuery, now: string): AsyncIterable<string> {
  const { since, until, matches } = query;
  const inTime = ({ time }: EngineEvent): boolean =>
    (since === undefined || nanoseconds(time) >= since) && (until === undefined || nanoseconds(time) <= until);
  return {
    [Symbol.asyncIterator]() {
      const waiting =
        since === undefined && until === undefined
          ? []
          : events.past().filter((event) => inTime(event) && matches(event));
      let wake = (): void => undefined;
      let ended = false;
      const end = (): void => {
        ended = true;
        subscription.close();
        clearTimeout(timer);
        wake();
      };
      const subscription = events.subscribe((event) => {
        if (!matches(event) || !inTime(event)) return;
        waiting.push(event);
        wake();
      });
      const timer = until === undefined ? undefined : setTimeout(end, Number((until - nanoseconds(now)) / 1_000_000n));
      if (until !== undefined && until <= nanoseconds(now)) end();
      return {
        async next(): Promise<IteratorResult<string>> {
          for (;;) {
            const event = waiting.shift();
            if (event) return { done: false, value: presentEvent(event) };
            if (ended) return { done: true, value: undefined };
            await new Promise<void>((resolve) => (wake = resolve));
          }
        },
        async return(): Promise<IteratorResult<string>> {
          end();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
