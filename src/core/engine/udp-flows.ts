import { isUnspecified, parseAddress } from '../address/address.ts';
import type { Step } from '../plan/step.ts';
import type { Context } from './context.ts';

/**
 * Makes the kernel forget the UDP flows to ports that were published or taken back by `steps`. It
 * translates a flow that it knows as it did at first, for as long as somebody keeps sending.
 */
export async function forgetUdpFlows({ kernel, log }: Pick<Context, 'kernel' | 'log'>, steps: readonly Step[]) {
  const flows = new Map<string, { readonly address: string; readonly port: number }>();
  for (const { object } of steps) {
    if (object.kind !== 'listener' || object.protocol !== 'udp') continue;
    const host = parseAddress(object.address);
    const address = !host || isUnspecified(host) ? '' : object.address;
    flows.set(`${address} ${object.port}`, { address, port: object.port });
  }
  for (const flow of flows.values()) {
    try {
      await kernel.flushUdpConntrack(flow);
    } catch (error) {
      log.warn(`UDP flows to port ${flow.port} may still go where they went before: ${String(error)}`);
    }
  }
}
