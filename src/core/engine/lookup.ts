/** References to records: a full id, a name, or a unique id prefix, in that order. */
import type { ContainerRecord } from '../container/container.ts';
import { EngineError } from '../network/error.ts';
import type { NetworkRecord } from '../network/network.ts';
import { resolveReference } from '../network/reference.ts';
import type { Records, Table } from './records.ts';

/** @throws EngineError not-found `No such container: REF`; `optional` gives undefined instead */
export function findContainer(records: Pick<Records, 'container'>, ref: string): ContainerRecord;
export function findContainer(
  records: Pick<Records, 'container'>,
  ref: string,
  missing: 'optional',
): ContainerRecord | undefined;
export function findContainer(
  records: Pick<Records, 'container'>,
  ref: string,
  missing?: 'optional',
): ContainerRecord | undefined {
  const find = (): ContainerRecord =>
    quickly(records.container, ref.replace(/^\//, '')) ??
    resolveReference('container', records.container.values(), ref);
  return missing === 'optional' ? orUndefined(find) : find();
}

/** @throws EngineError not-found `network REF not found`; `optional` gives undefined instead */
export function findNetwork(records: Pick<Records, 'network'>, ref: string): NetworkRecord;
export function findNetwork(
  records: Pick<Records, 'network'>,
  ref: string,
  missing: 'optional',
): NetworkRecord | undefined;
export function findNetwork(
  records: Pick<Records, 'network'>,
  ref: string,
  missing?: 'optional',
): NetworkRecord | undefined {
  const find = (): NetworkRecord =>
    quickly(records.network, ref) ?? resolveReference('network', records.network.values(), ref);
  return missing === 'optional' ? orUndefined(find) : find();
}

/** What is found; nothing if it is not there. */
function orUndefined<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch (error) {
    if (error instanceof EngineError && error.code === 'not-found') return undefined;
    throw error;
  }
}

/** What needs no walk over all rows. */
function quickly<T extends { readonly id: string }>(table: Table<T>, ref: string): T | undefined {
  return table.get(ref) ?? table.where('name', ref)[0];
}
