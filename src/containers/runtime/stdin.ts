/**
 * Standard input through conmon's attach socket. It is of a kind that Node cannot open (SOCK_SEQPACKET),
 * so it is used through the C library, without blocking: while the container does not read, sending is
 * tried again after ever longer pauses.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { endianness } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { type Input, RuntimeError } from '../../core/engine/runtime.ts';
import * as ffi from '../../linux/ffi.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from '../../linux/headers.ts';
import { ATTACH } from './paths.ts';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const MSG_NOSIGNAL = 0x4000;
const SHUT_RD = 0;
const SHUT_WR = 1;

/** conmon reads packets of up to this size; it would lose the rest of a longer one. */
const PACKET = 32 * 1024;
const LONGEST_PAUSE = 64;

export class AttachedInput implements Input {
  #fd: number | undefined;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Connects to the monitor whose bundle this is. The monitor was told at its start whether the end
   * of this input is the end of the container's.
   */
  static async connect(bundle: string): Promise<AttachedInput> {
    const fd = ffi.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    try {
      // By way of the directory, since a socket's address holds no more than 107 bytes.
      const directory = openSync(bundle, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        const address = unixAddress(`/proc/self/fd/${directory}/${ATTACH}`);
        await patiently(() => ffi.connect(fd, address, address.length));
      } finally {
        closeSync(directory);
      }
      // The monitor copies all output to this socket; refuse it, or a full one would stop the monitor.
      ffi.shutdown(fd, SHUT_RD);
    } catch (error) {
      ffi.close(fd);
      throw new RuntimeError(`cannot reach standard input: ${error instanceof Error ? error.message : String(error)}`);
    }
    return new AttachedInput(fd);
  }

  async write(data: Uint8Array): Promise<void> {
    for (let offset = 0; offset < data.length; offset += PACKET) {
      const packet = data.subarray(offset, offset + PACKET);
      await patiently(() => {
        if (this.#fd === undefined) throw new RuntimeError('standard input is closed');
        return ffi.send(this.#fd, packet, packet.length, MSG_NOSIGNAL);
      });
    }
  }

  end(): Promise<void> {
    if (this.#fd === undefined) return Promise.resolve();
    const fd = this.#fd;
    this.#fd = undefined;
    try {
      // What was sent stays in the monitor's queue, before the end.
      ffi.shutdown(fd, SHUT_WR);
    } catch (error) {
      if (!isGone(error)) return Promise.reject(error);
    } finally {
      ffi.close(fd);
    }
    return Promise.resolve();
  }
}

async function patiently(call: () => number): Promise<void> {
  for (let delay = 1; ; delay = Math.min(2 * delay, LONGEST_PAUSE)) {
    try {
      call();
      return;
    } catch (error) {
      if (isGone(error)) throw new RuntimeError('standard input is closed: the process has ended');
      if (!(error instanceof ffi.SystemError) || error.code !== 'EAGAIN') throw error;
    }
    await pause(delay);
  }
}

function isGone(error: unknown): boolean {
  return error instanceof ffi.SystemError && ['EPIPE', 'ECONNRESET', 'ENOTCONN'].includes(error.code);
}

function unixAddress(path: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  const address = new Uint8Array(2 + name.length + 1);
  new DataView(address.buffer).setUint16(0, AF_UNIX, endianness() === 'LE');
  address.set(name, 2);
  return address;
}
