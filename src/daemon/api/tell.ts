import type { EngineEvent } from '../../core/engine/event.ts';
import type { Services } from './services.ts';

type Teller = (action: string, id: string, attributes: Readonly<Record<string, string>>) => void;

/** Publishes events of what the engine itself knows nothing of: images and volumes. */
export function teller({ engine, clock }: Pick<Services, 'engine' | 'clock'>, type: EngineEvent['type']): Teller {
  return (action, id, attributes) => engine.events.publish({ type, action, id, attributes, time: clock.now() });
}
