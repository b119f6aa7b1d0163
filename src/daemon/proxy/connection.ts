/**
 * One connection through the userland proxy: bytes go from the socket of either side to the other's
 * through a pipe, within the kernel (splice). A side is asked for bytes only when all that it gave
 * before is delivered, so a slow one slows the other. Each half ends on its own; an error on one
 * side is an error on the other.
 */
import { constants } from 'node:os';
import * as ffi from '../../linux/ffi.ts';
import { type Epoll, FAILED, HUNG_UP, READABLE, WRITABLE } from '../../linux/epoll.ts';
import { resetOnClose, setStreamOptions } from '../../linux/socket.ts';
import type { ListenerId } from './listener-table.ts';
import type { Pipe, Pipes } from './pipes.ts';

const { EAGAIN } = constants.errno;
const SPLICE_MOVE_NONBLOCK = 0x1 | 0x2;
const SHUT_WR = 1;
/** Bytes at once: a pipe's size. */
const CHUNK = 1 << 20;

/** What connections share. */
export interface Surroundings {
  readonly epoll: Epoll;
  readonly pipes: Pipes;
  /** The kind that sides are registered with, under their fds. */
  readonly kind: number;
  /** Sides by their fds: who is to be told of events. */
  readonly sides: Map<number, Side>;
  /** Closes an fd when nothing that is told of it can be under way. */
  readonly close: (fd: number) => void;
}

/** Bytes from one side to the other. */
interface Flow {
  readonly from: Side;
  readonly to: Side;
  /** With bytes in it that `to` did not take yet. */
  pipe: Pipe | undefined;
  hasEnded: boolean;
}

export class Side {
  readonly fd: number;
  readonly connection: Connection;
  /** What it is registered for; 0: it is not. */
  interest = 0;

  constructor(fd: number, connection: Connection) {
    this.fd = fd;
    this.connection = connection;
  }
}

export class Connection {
  readonly listener: ListenerId;
  readonly #around: Surroundings;
  readonly #client: Side;
  readonly #upstream: Side;
  readonly #up: Flow;
  readonly #down: Flow;
  #isConnected = false;

  /** `upstream` is being connected. Both are closed by the connection. */
  constructor(listener: ListenerId, client: number, upstream: number, around: Surroundings) {
    this.listener = listener;
    this.#around = around;
    this.#client = new Side(client, this);
    this.#upstream = new Side(upstream, this);
    this.#up = { from: this.#client, to: this.#upstream, pipe: undefined, hasEnded: false };
    this.#down = { from: this.#upstream, to: this.#client, pipe: undefined, hasEnded: false };
    around.sides.set(client, this.#client).set(upstream, this.#upstream);
  }

  /** Throws SystemError; so does `proceed`. Then the connection is to be aborted. */
  start(): void {
    setStreamOptions(this.#upstream.fd);
    this.#register(this.#upstream, WRITABLE);
  }

  /** Goes on after what was told of one side. */
  proceed(side: Side, events: number): void {
    if ((events & FAILED) !== 0) return this.abort();
    const [out, back] = side === this.#client ? [this.#up, this.#down] : [this.#down, this.#up];
    if (!this.#isConnected) {
      // A client is not listened to before: what it sends waits in its socket.
      this.#isConnected = true;
    } else {
      if (back.pipe && (events & WRITABLE) !== 0 && !this.#deliver(back, back.pipe)) return this.abort();
      if (!out.pipe && !out.hasEnded && (events & (READABLE | HUNG_UP)) !== 0 && !this.#fetch(out)) return this.abort();
    }
    if (this.#up.hasEnded && this.#down.hasEnded && !this.#up.pipe && !this.#down.pipe) return this.end();
    this.#listen(this.#client, this.#up, this.#down);
    this.#listen(this.#upstream, this.#down, this.#up);
  }

  /** Ends it with an error for both peers. */
  abort(): void {
    for (const { fd } of [this.#client, this.#upstream]) resetOnClose(fd);
    this.end();
  }

  end(): void {
    for (const { pipe } of [this.#up, this.#down]) if (pipe) this.#around.pipes.giveBack(pipe);
    for (const side of [this.#upstream, this.#client]) {
      this.#register(side, 0);
      this.#around.sides.delete(side.fd);
      this.#around.close(side.fd);
    }
  }

  /** Takes what there is from one side, and hands it to the other. False: one of them has failed. */
  #fetch(flow: Flow): boolean {
    const pipe = this.#around.pipes.take();
    const count = ffi.trySplice(flow.from.fd, null, pipe.to, null, CHUNK, SPLICE_MOVE_NONBLOCK);
    if (count > 0) {
      pipe.bytes = count;
      return this.#deliver(flow, pipe);
    }
    this.#around.pipes.giveBack(pipe);
    if (count < 0) return count === -EAGAIN;
    flow.hasEnded = true;
    return ffi.tryShutdown(flow.to.fd, SHUT_WR) >= 0;
  }

  #deliver(flow: Flow, pipe: Pipe): boolean {
    const count = ffi.trySplice(pipe.from, null, flow.to.fd, null, pipe.bytes, SPLICE_MOVE_NONBLOCK);
    if (count > 0) pipe.bytes -= count;
    flow.pipe = pipe.bytes > 0 ? pipe : undefined;
    if (pipe.bytes === 0) this.#around.pipes.giveBack(pipe);
    return count >= 0 || count === -EAGAIN;
  }

  /** Asks to be told of what can be gone on with on a side. */
  #listen(side: Side, out: Flow, back: Flow): void {
    this.#register(side, (out.pipe || out.hasEnded ? 0 : READABLE) | (back.pipe ? WRITABLE : 0));
  }

  /**
   * A side that is waited for in no way is taken out: that both its directions have ended, or that it
   * has failed, would be told again and again. The other side's turn finds it out.
   */
  #register(side: Side, interest: number): void {
    const { epoll, kind } = this.#around;
    if (interest === side.interest) return;
    if (interest === 0) epoll.remove(side.fd);
    else if (side.interest === 0) epoll.add(side.fd, interest, kind, side.fd);
    else epoll.change(side.fd, interest, kind, side.fd);
    side.interest = interest;
  }
}
