import net from 'node:net';
import { withNamespace } from '../../linux/namespace.ts';
import { openTcpConnection, openUdp } from '../../linux/socket.ts';
import { datagramSocket } from '../datagram.ts';
import type { Held } from '../held.ts';
import { frame, FrameReader } from './frame.ts';

export type Transport = 'udp' | 'tcp';

/** A name server, and the path of the namespace that it is asked from; undefined: our own. */
export interface Server {
  readonly address: string;
  readonly port: number;
  readonly namespace: string | undefined;
}

export interface Listener {
  readonly message: (message: Buffer) => void;
  /** The server cannot be reached, or has ended the connection. */
  readonly failed: (error: Error) => void;
}

/** A way to a name server for one message, from a port of its own. Throws SystemError. */
export function openChannel(transport: Transport, server: Server, message: Buffer, listener: Listener): Held {
  return transport === 'udp' ? openDatagrams(server, message, listener) : openStream(server, message, listener);
}

function inNamespace(server: Server, open: () => number): number {
  return server.namespace === undefined ? open() : withNamespace(server.namespace, open);
}

/** Connected, so that nobody else's datagrams arrive and a port-unreachable does. */
function openDatagrams(server: Server, message: Buffer, { message: received, failed }: Listener): Held {
  const fd = inNamespace(server, () => openUdp(net.isIPv6(server.address) ? '::' : '0.0.0.0', 0));
  const socket = datagramSocket(server.address);
  socket.on('message', received);
  socket.on('error', failed);
  socket.on('connect', () => socket.send(message, (error) => error && failed(error)));
  socket.bind({ fd });
  socket.connect(server.port, server.address);
  return { close: () => socket.close() };
}

function openStream(server: Server, message: Buffer, { message: received, failed }: Listener): Held {
  const socket = new net.Socket({ fd: inNamespace(server, () => openTcpConnection(server.address, server.port)) });
  const reader = new FrameReader();
  socket.on('data', (chunk) => {
    for (const whole of reader.push(chunk)) received(whole);
  });
  socket.on('error', failed);
  socket.on('close', () => failed(new Error('the connection was closed')));
  socket.write(frame(message));
  return { close: () => socket.destroy() };
}
