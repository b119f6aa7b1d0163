/** Tells a network's members of the addresses of a new place on it, as they may know them by another MAC. */
import type { EndpointRecord } from '../network/endpoint.ts';
import { parseAnnouncement } from '../network/announcement.ts';
import { isLayer3 } from '../network/parent.ts';
import { hostAddress } from '../address/prefix.ts';
import type { Context } from './context.ts';

/** How soon, and how often at most, is tried again what could not be sent as the link does not pass frames yet. */
const AGAIN = 20;
const ATTEMPTS = 100;

/** What is still to be done. */
interface Rest {
  readonly left: number;
  readonly attempts: number;
}

export class Announcer {
  readonly #context: Context;
  readonly #timers = new Map<string, { cancel(): void }>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** In a moment, as nobody waits for it: a place that goes meanwhile is told no more. */
  begin(endpoints: readonly EndpointRecord[]): void {
    for (const endpoint of endpoints) {
      const network = this.#context.ledger.network.get(endpoint.networkId);
      if (!network || !endpoint.interfaceName || isLayer3(network)) continue;
      const { count, interval } = parseAnnouncement(network.options);
      if (count > 0) this.#schedule(endpoint.id, interval, { left: count, attempts: ATTEMPTS }, 0);
    }
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
  }

  #schedule(id: string, interval: number, rest: Rest, delay: number): void {
    const announce = (): void => void this.#announce(id, interval, rest);
    this.#timers.set(id, this.#context.clock.after(delay, announce));
  }

  async #announce(id: string, interval: number, { left, attempts }: Rest): Promise<void> {
    const { ledger, kernel, log } = this.#context;
    this.#timers.delete(id);
    const endpoint = ledger.endpoint.get(id);
    if (!endpoint) return;
    const { sandboxId: namespace, interfaceName: link, hostInterface: port } = endpoint;
    const addresses = [endpoint.ipv4, endpoint.ipv6, ...endpoint.linkLocalAddresses].filter(Boolean).map(hostAddress);
    try {
      const isSent = await kernel.announce({ namespace, link, port, addresses });
      const next = isSent ? { left: left - 1, attempts } : { left, attempts: attempts - 1 };
      if (next.left > 0 && next.attempts > 0) this.#schedule(id, interval, next, isSent ? interval : AGAIN);
    } catch (error) {
      // A link that is gone is on its way out of the records too.
      const isGone = (error as { readonly code?: string }).code === 'ENODEV';
      if (!isGone && ledger.endpoint.get(id))
        log.warn(`${link} of ${endpoint.containerId} is not announced: ${String(error)}`);
    }
  }
}
