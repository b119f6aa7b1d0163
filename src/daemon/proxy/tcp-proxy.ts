import net from 'node:net';
import type { ListenerObject } from '../../core/plan/object.ts';
import { BACKLOG, openTcpListener } from '../../linux/socket.ts';
import type { Held, Warn } from '../held.ts';

const OPTIONS = {
  /** Each half of a connection ends on its own. */
  allowHalfOpen: true,
  noDelay: true,
  /** A peer that is gone without a word is found out, as by docker-proxy. */
  keepAlive: true,
  keepAliveInitialDelay: 15_000,
  /** Bytes kept for a slow side: Node's own 16 kB would halt the other side at every chunk that it reads. */
  highWaterMark: 1 << 18,
} as const;

/**
 * Carries each TCP connection to a host port on to its target: a slow side slows the other, and an
 * error on one side, also a failure to connect, ends both at once.
 */
export function openTcpProxy({ address, port, target }: ListenerObject, warn: Warn): Held {
  const open = new Set<net.Socket>();
  const fd = openTcpListener(address, port);
  const server = net.createServer(OPTIONS, (client) => {
    const upstream = net.connect({ ...OPTIONS, host: target.address, port: target.port });
    join(client, upstream);
    join(upstream, client);
  });
  const join = (from: net.Socket, to: net.Socket) => {
    open.add(from);
    from.on('close', () => open.delete(from));
    from.on('error', () => abort(to));
    from.pipe(to);
  };
  server.on('error', (error) => warn(`userland proxy on port ${port}/tcp of ${address}: ${error.message}`));
  server.listen({ fd }, BACKLOG);
  return {
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Ends a connection so that its peer sees an error too, not the end of the data. */
function abort(socket: net.Socket): void {
  if (socket.connecting || socket.destroyed) socket.destroy();
  else socket.resetAndDestroy();
}
