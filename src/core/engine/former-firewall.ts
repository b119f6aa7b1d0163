/** What the last start's options made of the firewall: what of it nobody calls for any more goes at this one. */
import type { FirewallOptions } from '../firewall/layout.ts';
import type { Ports } from './context.ts';
import type { StoreContents } from './store.ts';

const KIND = 'engine';
const ID = 'firewall';

/** The options of the last start that came to its end; undefined: there was none. */
export function formerFirewall({ records }: StoreContents): FirewallOptions | undefined {
  return records.get(KIND)?.get(ID) as FirewallOptions | undefined;
}

/** To be noted once the kernel is as `options` say, and not before. */
export async function noteFirewall(
  { store }: Pick<Ports, 'store'>,
  former: FirewallOptions | undefined,
  options: FirewallOptions,
): Promise<void> {
  if (JSON.stringify(former) === JSON.stringify(options)) return;
  await store.write([{ op: 'put', kind: KIND, id: ID, value: options }]);
}
