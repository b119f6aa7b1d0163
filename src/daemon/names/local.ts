import { parseAddress, printAddress } from '../../core/address/address.ts';
import type { Names } from '../../core/engine/names.ts';
import { hostBytes } from '../../linux/inet.ts';
import { type Answer, CLASS, nameBytes, type Query, TYPE } from './message.ts';

/**
 * What the engine itself knows in answer to a query, in shuffled order; empty for a name that it
 * knows without a record of that type. Undefined: the question is not about a name of ours.
 */
export function localAnswers(names: Names, sandbox: string, query: Query): readonly Answer[] | undefined {
  const { name, type } = query;
  if (name === undefined || name === '' || (query.class !== CLASS.IN && query.class !== CLASS.ANY)) return undefined;
  const found = names.lookup(sandbox, name);
  if (found) {
    const ofType = (wanted: number, addresses: readonly string[]) =>
      type === wanted || type === TYPE.ANY
        ? shuffle(addresses).map((address) => ({ type: wanted, data: hostBytes(address) }))
        : [];
    return [...ofType(TYPE.A, found.ipv4), ...ofType(TYPE.AAAA, found.ipv6)];
  }
  const address = type === TYPE.PTR ? reversedAddress(name) : undefined;
  const host = address && names.reverse(sandbox, address);
  return host === undefined ? undefined : [{ type: TYPE.PTR, data: nameBytes(host) }];
}

/** The address, in canonical text, that a name under in-addr.arpa or ip6.arpa stands for. */
function reversedAddress(name: string): string | undefined {
  const [, digits, zone] = /^(.*)\.(in-addr|ip6)\.arpa$/i.exec(name) ?? [];
  if (digits === undefined || zone === undefined) return undefined;
  const parts = digits.split('.').toReversed();
  const isIpv6 = zone.toLowerCase() === 'ip6';
  if (isIpv6 && !(parts.length === 32 && parts.every((part) => part.length === 1))) return undefined;
  const address = parseAddress(isIpv6 ? parts.join('').replace(/.{4}(?!$)/g, '$&:') : parts.join('.'));
  return address && printAddress(address);
}

function shuffle<T>(values: readonly T[]): readonly T[] {
  const result = [...values];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}
