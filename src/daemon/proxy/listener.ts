import type { ListenerObject } from '../../core/plan/object.ts';
import { SystemError } from '../../linux/ffi.ts';
import { closeSocket, openSctpListener, openTcpListener, openUdp } from '../../linux/socket.ts';
import type { Held, Warn } from '../held.ts';
import type { Relay } from './relay.ts';
import { openUdpProxy } from './udp-proxy.ts';

/** Takes a host port before it returns, and forwards if asked to. Throws SystemError, as of EADDRINUSE. */
export function openListener(listener: ListenerObject, relay: Relay, warn: Warn): Held {
  const { protocol, address, port } = listener;
  if (protocol === 'sctp') return reserveSctp(address, port);
  if (!listener.forward) return reserve(protocol === 'tcp' ? openTcpListener(address, port) : openUdp(address, port));
  return protocol === 'tcp' ? relay.open(listener) : openUdpProxy(listener, warn);
}

/** A port that is only kept from others: as with dockerd's, a TCP one listens and is never accepted from. */
function reserve(fd: number): Held {
  return { close: () => closeSocket(fd) };
}

/**
 * Node has no SCTP, so its ports are only reserved and the firewall rules alone carry it. Where the
 * kernel has none either, there is no port to take.
 */
function reserveSctp(address: string, port: number): Held {
  try {
    return reserve(openSctpListener(address, port));
  } catch (error) {
    if (error instanceof SystemError && error.code === 'EPROTONOSUPPORT') return { close() {} };
    throw error;
  }
}
