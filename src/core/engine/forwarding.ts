import type { Ports } from './context.ts';
import type { EngineSettings } from './settings.ts';
import type { StoreContents } from './store.ts';

const KIND = 'engine';
const ID = 'forwarding';

/** Kept from start to start: whether forwarding was turned on by the engine, and not found so. */
interface Forwarding {
  readonly ours: boolean;
}

/**
 * The settings with `forwardDrop` only where the engine turns forwarding on itself, now or at an
 * earlier start: a host that routed before must go on doing so. Noted before anything is done.
 */
export async function settleForwarding(
  { kernel, store }: Pick<Ports, 'kernel' | 'store'>,
  { records }: StoreContents,
  settings: EngineSettings,
): Promise<EngineSettings> {
  if (!settings.firewall.forwardDrop) return settings;
  const known = records.get(KIND)?.get(ID) as Forwarding | undefined;
  const observed = await kernel.observe({ sandboxes: [], kinds: ['sysctl'] });
  const isOn = observed.some(
    (object) => object.kind === 'sysctl' && object.name === 'net/ipv4/ip_forward' && object.value === '1',
  );
  const forwarding: Forwarding = { ours: known?.ours === true || !isOn };
  if (known?.ours !== forwarding.ours) await store.write([{ op: 'put', kind: KIND, id: ID, value: forwarding }]);
  return forwarding.ours ? settings : { ...settings, firewall: { ...settings.firewall, forwardDrop: false } };
}
