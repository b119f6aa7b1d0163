/** Random packets over the stage. */
import { parseAddress, type Version } from '../../src/core/address/address.ts';
import type { Probe } from '../../src/core/model/walk/walk.ts';
import { ICMP, ICMP6, TCP, UDP, type TcpFlag } from '../../src/core/model/walk/packet.ts';
import type { Chance } from './chance.ts';
import { isIcmp } from './packet.ts';
import { BRIDGES, GUESTS, HOST_ADDRESS, UPLINK, WORLD_ADDRESSES } from './stage.ts';

export interface Shot {
  readonly id: number;
  /** The namespace that sends; `spoofed`: as a frame of the world's end of the uplink, past its routes. */
  readonly origin: string;
  readonly spoofed: boolean;
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: readonly TcpFlag[];
  readonly ttl: number;
  readonly size: number;
  readonly dontFragment: boolean;
  /** A SYN and its answer went before. */
  readonly established: boolean;
}

const PORTS = [80, 80, 80, 8080, 8080, 8081, 8082, 22, 443, 53, 9053, 5432, 7777];
/** Below those that real connects get. What is sent again of earlier probes must not be taken for an answer. */
const FIRST_PORT = 20_000;
const SOURCE_PORTS = 12_000;

/** Who has which addresses, and where packets may go, in each version of IP. */
interface Map4or6 {
  readonly own: Readonly<Record<string, readonly string[]>>;
  readonly loopback: string;
  readonly destinations: readonly string[];
  readonly forged: readonly string[];
}

const FAR = {
  4: ['203.0.113.5', '10.99.0.77', '172.18.0.99', '172.16.5.5'],
  6: ['2001:db8:5::5', 'fd00:99::77', 'fd00:c:18::99', 'fd00:c:16::5'],
};
const FORGED = {
  4: ['172.18.0.3', '172.19.0.2', '10.99.0.2', '127.0.0.1', '203.0.113.9', '172.17.0.1', '10.99.0.1', '0.0.0.5'],
  6: ['fd00:c:18::3', 'fd00:c:19::2', 'fd00:99::2', '::1', '2001:db8:9::9', 'fd00:c:17::1', 'fd00:99::1', '::5'],
};

function mapOf(version: Version): Map4or6 {
  const world = WORLD_ADDRESSES.map((address) => address[version]);
  const host = HOST_ADDRESS[version];
  const guests = GUESTS.map(({ address }) => address[version]);
  return {
    own: {
      world,
      host: [host, BRIDGES['ba']![version]],
      ...Object.fromEntries(GUESTS.map(({ name, address }) => [name, [address[version]]])),
    },
    loopback: version === 4 ? '127.0.0.1' : '::1',
    destinations: [
      ...guests,
      ...guests,
      ...Object.values(BRIDGES).map((address) => address[version]),
      ...Array.from({ length: 4 }, () => host),
      ...world,
      ...FAR[version],
    ],
    forged: FORGED[version],
  };
}

const MAPS = { 4: mapOf(4), 6: mapOf(6) } as const;

const FLAGS: readonly (readonly TcpFlag[])[] = [
  ['ACK'],
  ['RST'],
  ['SYN', 'ACK'],
  ['FIN', 'ACK'],
  ['FIN'],
  ['RST', 'ACK'],
];

/** `number` counts all probes of a proof. */
export function shoot(chance: Chance, id: number, number: number, version: Version): Shot {
  const { own, loopback, destinations, forged } = MAPS[version];
  const spoofed = chance.percent(10);
  const origin = spoofed
    ? 'world'
    : chance.of(['world', 'world', 'world', 'host', 'a1', 'a1', 'a2', 'b1', 'd1', 'i1', 'i2']);
  const sourcePort = FIRST_PORT + (number % SOURCE_PORTS);
  const protocol = chance.of([TCP, TCP, TCP, TCP, TCP, TCP, TCP, UDP, UDP, version === 4 ? ICMP : ICMP6]);
  const isLocal = origin === 'host' && chance.percent(15);
  const destination = isLocal ? loopback : spoofed && chance.percent(10) ? loopback : chance.of(destinations);
  const toItself = own[origin]!.includes(destination) && origin !== 'host';
  const established = !spoofed && protocol === TCP && origin !== 'host' && chance.percent(10);
  const isBig = !spoofed && origin !== 'host' && !isIcmp(protocol) && chance.percent(4);
  const header = version === 4 ? 20 : 40;
  return {
    id,
    origin,
    spoofed,
    source: spoofed ? chance.of(forged) : isLocal ? loopback : chance.of(own[origin]!),
    destination: toItself ? HOST_ADDRESS[version] : destination,
    protocol,
    sourcePort,
    destinationPort: isIcmp(protocol) ? sourcePort : chance.of(PORTS),
    flags: protocol !== TCP ? [] : established ? ['ACK'] : chance.percent(85) ? ['SYN'] : chance.of(FLAGS),
    ttl: chance.percent(4) ? 1 + chance.below(2) : 64,
    size: isBig ? 1450 : header + (protocol === TCP ? 20 : 12),
    dontFragment: version === 6 || protocol === TCP || isBig,
    established,
  };
}

export function probeOf(shot: Shot): Probe {
  const { origin, spoofed, source, destination, established, ...rest } = shot;
  return {
    ...rest,
    from: spoofed ? { namespace: 'host', link: UPLINK } : { namespace: origin },
    source: parseAddress(source)!,
    destination: parseAddress(destination)!,
    ...(established && { state: 'established' }),
  };
}
