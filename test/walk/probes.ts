/** Random packets over the stage. */
import { parseAddress } from '../../src/core/address/address.ts';
import type { Probe } from '../../src/core/model/walk/walk.ts';
import { ICMP, TCP, UDP, type TcpFlag } from '../../src/core/model/walk/packet.ts';
import type { Chance } from './chance.ts';
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

const OWN: Readonly<Record<string, readonly string[]>> = {
  world: WORLD_ADDRESSES,
  host: [HOST_ADDRESS, BRIDGES['ba']!],
  ...Object.fromEntries(GUESTS.map(({ name, address }) => [name, [address]])),
};

const FAR = ['203.0.113.5', '10.99.0.77', '172.18.0.99', '172.16.5.5'];
const DESTINATIONS = [
  ...GUESTS.map(({ address }) => address),
  ...GUESTS.map(({ address }) => address),
  ...Object.values(BRIDGES),
  HOST_ADDRESS,
  HOST_ADDRESS,
  HOST_ADDRESS,
  HOST_ADDRESS,
  ...WORLD_ADDRESSES,
  ...FAR,
];
const FORGED = [
  '172.18.0.3',
  '172.19.0.2',
  HOST_ADDRESS,
  '127.0.0.1',
  '203.0.113.9',
  '172.17.0.1',
  '10.99.0.1',
  '0.0.0.5',
];
const FLAGS: readonly (readonly TcpFlag[])[] = [
  ['ACK'],
  ['RST'],
  ['SYN', 'ACK'],
  ['FIN', 'ACK'],
  ['FIN'],
  ['RST', 'ACK'],
];

/** `number` counts all probes of a proof. */
export function shoot(chance: Chance, id: number, number: number): Shot {
  const spoofed = chance.percent(10);
  const origin = spoofed
    ? 'world'
    : chance.of(['world', 'world', 'world', 'host', 'a1', 'a1', 'a2', 'b1', 'd1', 'i1', 'i2']);
  const sourcePort = FIRST_PORT + (number % SOURCE_PORTS);
  const protocol = chance.of([TCP, TCP, TCP, TCP, TCP, TCP, TCP, UDP, UDP, ICMP]);
  const isLocal = origin === 'host' && chance.percent(15);
  const destination = isLocal ? '127.0.0.1' : spoofed && chance.percent(10) ? '127.0.0.1' : chance.of(DESTINATIONS);
  const own = OWN[origin]!.includes(destination) && origin !== 'host';
  const established = !spoofed && protocol === TCP && origin !== 'host' && chance.percent(10);
  const isBig = !spoofed && origin !== 'host' && protocol !== ICMP && chance.percent(4);
  return {
    id,
    origin,
    spoofed,
    source: spoofed ? chance.of(FORGED) : isLocal ? '127.0.0.1' : chance.of(OWN[origin]!),
    destination: own ? HOST_ADDRESS : destination,
    protocol,
    sourcePort,
    destinationPort: protocol === ICMP ? sourcePort : chance.of(PORTS),
    flags: protocol !== TCP ? [] : established ? ['ACK'] : chance.percent(85) ? ['SYN'] : chance.of(FLAGS),
    ttl: chance.percent(4) ? 1 + chance.below(2) : 64,
    size: isBig ? 1450 : protocol === TCP ? 40 : 32,
    dontFragment: protocol === TCP || isBig,
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
