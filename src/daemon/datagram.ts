import dgram from 'node:dgram';
import { isIPv6 } from 'node:net';

/** Addresses need no looking up: Node would wait a turn of the loop for each datagram. */
const lookup: dgram.SocketOptions['lookup'] = (host, _options, callback) => callback(null, host, isIPv6(host) ? 6 : 4);

/** A UDP socket of the address's family that speaks with addresses only, no names. */
export function datagramSocket(address: string): dgram.Socket {
  return dgram.createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', lookup });
}
