/**
 * Elements of nftables' sets that come and go, told to the kernel in its own words. nftables' library, which does all
 * else, asks for every table, chain and set before each transaction: most of what a small change costs.
 */
import type { NftElements } from '../core/firewall/nftables/transaction.ts';
import type { Family } from '../core/firewall/rule.ts';
import { NetlinkError } from './netlink/message.ts';
import type { NftRequest } from './netlink/nftables.ts';
import { createElements, deleteElements, type SetEncoding, setEncodings } from './netlink/set.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink/socket.ts';
import { NftError } from './nftables.ts';

/** A conversation with nftables in the namespace that the thread is in at the first `run`. */
export class Elements {
  #socket: NetlinkSocket | undefined;
  /** By table: sets hardly ever change. */
  readonly #encodings = new Map<string, ReadonlyMap<string, SetEncoding>>();

  /**
   * Does the commands as one transaction, all or none. Gives false, and has done nothing, if one is about a set that is
   * not there or that only the library knows how to write. Throws NftError.
   */
  run(commands: readonly NftElements[]): boolean {
    const requests: NftRequest[] = [];
    const commandOf: number[] = [];
    for (const [index, command] of commands.entries()) {
      const encoding = this.#encodingOf(command);
      if (!encoding) return false;
      for (const request of encode(command, encoding, index)) {
        requests.push(request);
        commandOf.push(index);
      }
    }
    const [refusal] = this.#open().transact(requests);
    if (!refusal) return true;
    const { index, error } = refusal;
    this.#encodings.clear();
    // Somebody may have made the set anew, of another type.
    if (error.code === 'EINVAL') return false;
    throw new NftError(error.message, error.code, commandOf[index]);
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#encodings.clear();
  }

  #open(): NetlinkSocket {
    return (this.#socket ??= new NetlinkSocket(NETLINK_NETFILTER));
  }

  #encodingOf({ elements }: NftElements): SetEncoding | undefined {
    const { family, table, set } = elements[0]!;
    const its = `${family} ${table}`;
    const known = this.#encodings.get(its)?.get(set);
    if (known) return known;
    const encodings = this.#read(family, table);
    this.#encodings.set(its, encodings);
    return encodings.get(set);
  }

  #read(family: Family, table: string): ReadonlyMap<string, SetEncoding> {
    try {
      return setEncodings(this.#open(), family, table);
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENOENT') return new Map();
      throw error;
    }
  }
}

function encode({ verb, elements }: NftElements, encoding: SetEncoding, index: number): readonly NftRequest[] {
  try {
    return verb === 'create' ? createElements(elements, encoding) : deleteElements(elements, encoding);
  } catch (error) {
    if (error instanceof TypeError) throw new NftError(error.message, 'EINVAL', index);
    throw error;
  }
}
