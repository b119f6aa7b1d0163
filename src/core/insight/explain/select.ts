/** Which entries somebody asked for. */
import type { Entry } from './entry.ts';

export interface Selection {
  /** Name of a network: its own objects, and those of its containers' places on it. */
  readonly network?: string;
  /** Name of a container, or for foreign hosts its address: its sandbox and its places. */
  readonly container?: string;
  /** A part of a rule's text, its number, or `[TABLE] CHAIN NUMBER`. */
  readonly rule?: string;
}

export function select(entries: readonly Entry[], { network, container, rule }: Selection): readonly Entry[] {
  return entries.filter(
    (entry) =>
      (network === undefined || isOfNetwork(entry, network)) &&
      (container === undefined || isOfContainer(entry, container)) &&
      (rule === undefined || isRule(entry, rule)),
  );
}

function isOfNetwork({ owner: { kind, name } }: Entry, network: string): boolean {
  switch (kind) {
    case 'network':
      return name === network;
    case 'endpoint':
      return name.endsWith(` on ${network}`);
    case 'foreign':
      return name.endsWith(`, network ${network}`) || name.endsWith(` on ${network}`);
    default:
      return false;
  }
}

function isOfContainer({ owner: { kind, name } }: Entry, container: string): boolean {
  switch (kind) {
    case 'sandbox':
      return name === container;
    case 'endpoint':
      return name.startsWith(`${container} on `);
    case 'foreign':
      return name.includes(`, container ${container} on `);
    default:
      return false;
  }
}

function isRule({ object, text, number }: Entry, asked: string): boolean {
  if (object.kind !== 'rule') return object.kind === 'nft-chain' && text.includes(asked);
  const { table, chain } = object.rule;
  const [, whole, part] = /^(raw|mangle|nat|filter|security)(?: (\S+))?$/.exec(asked.trim()) ?? [];
  if (whole !== undefined) return whole === table && (part === undefined || part === chain);
  const [, itsTable, itsChain, itsNumber] = /^(?:(?:(\w+) )?(\S+) )?(\d+)$/.exec(asked.trim()) ?? [];
  if (itsNumber === undefined) return text.includes(asked.trim());
  return (
    number === Number(itsNumber) &&
    (itsChain === undefined || itsChain === chain) &&
    (itsTable === undefined || itsTable === table)
  );
}
