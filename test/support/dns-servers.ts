/** Name servers of our own making, each at an address of a namespace, which note what they are asked. */
import dgram from 'node:dgram';
import net from 'node:net';
import packet from 'dns-packet';
import { withNamespace } from '../../src/linux/namespace.ts';
import { openTcpListener, openUdp } from '../../src/linux/socket.ts';

export type Reply = (query: packet.DecodedPacket, transport: 'udp' | 'tcp') => Partial<packet.Packet> | undefined;

/** An answer with one IPv4 address, whatever the name. */
export const address =
  (data: string): Reply =>
  (query) => ({ answers: [{ name: query.questions![0]!.name, type: 'A', ttl: 60, data }] });

/** A response code without an answer. */
export const code =
  (rcode: number): Reply =>
  () => ({ flags: rcode });

export class DnsServers {
  /** `127.0.1.1 udp example.org` */
  readonly asked: string[] = [];
  readonly #open: { close(): void }[] = [];

  /** Listens on port 53; `namespace` is a path, and the process's own if there is none. */
  add(at: string, reply: Reply, namespace = '/proc/thread-self/ns/net'): void {
    const answer = (message: Buffer, transport: 'udp' | 'tcp') => {
      const query = packet.decode(message);
      this.asked.push(`${at} ${transport} ${query.questions?.[0]?.name}`);
      const given = reply(query, transport);
      return given && packet.encode({ ...query, type: 'response', additionals: [], ...given });
    };
    const fds = withNamespace(namespace, () => ({ udp: openUdp(at, 53), tcp: openTcpListener(at, 53) }));
    const udp = dgram.createSocket('udp4');
    udp.on('message', (message, client) => {
      const given = answer(message, 'udp');
      if (given) udp.send(given, client.port, client.address);
    });
    const tcp = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (data) => {
        const given = answer(data.subarray(2), 'tcp');
        if (given) socket.write(Buffer.concat([Buffer.from([given.length >> 8, given.length & 255]), given]));
      });
    });
    udp.bind({ fd: fds.udp });
    tcp.listen({ fd: fds.tcp });
    this.#open.push({ close: () => (udp.close(), tcp.close()) });
  }

  /** Ends all of them, and forgets what they were asked. */
  clear(): void {
    for (const server of this.#open.splice(0)) server.close();
    this.asked.length = 0;
  }
}
