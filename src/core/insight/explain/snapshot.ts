import { TABLE } from '../../firewall/nftables/sheet.ts';
import type { LinuxNamespace } from '../../model/linux.ts';
import { linuxFromTexts, type NamespaceTexts } from '../../model/texts.ts';
import type { KernelObject } from '../../plan/object.ts';
import { objectsOf } from '../snapshot/observed.ts';
import { HOST, type EngineSnapshot, type Snapshot } from '../snapshot/snapshot.ts';
import type { Entry } from './entry.ts';
import { explain } from './explain.ts';

/** The same of a host that is not here, or that Docker manages. */
export function explainSnapshot({ engine, docker, namespaces }: Snapshot): readonly Entry[] {
  const texts = namespaces[HOST] ?? {};
  if (engine) return explainEngine(engine, texts);
  return explain([], objectsOf(hostOf(texts)), {
    networks: new Map(Object.entries(docker?.networks ?? {})),
    containers: new Map(Object.entries(docker?.containers ?? {})),
  });
}

/** What an engine of ours wants and sees; of nftables it sees its own tables only, so the listing tells the others. */
export function explainEngine(
  { desired, observed }: Pick<EngineSnapshot, 'desired' | 'observed'>,
  { nft, iptables, ip6tables }: NamespaceTexts,
): readonly Entry[] {
  const listed = hostOf({
    ...(nft !== undefined && { nft }),
    ...(iptables !== undefined && { iptables }),
    ...(ip6tables !== undefined && { ip6tables }),
  });
  return explain(desired, [...observed, ...objectsOf(listed).filter(isOthersNft)]);
}

const hostOf = (texts: NamespaceTexts): LinuxNamespace =>
  linuxFromTexts(new Map([[HOST, texts]])).linux.namespaces.get(HOST)!;

function isOthersNft(object: KernelObject): boolean {
  if (object.kind === 'nft-table') return object.name !== TABLE;
  return object.kind === 'nft-chain' && object.table !== TABLE;
}
