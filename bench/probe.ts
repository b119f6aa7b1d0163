/**
 * What is done inside of a namespace, as a process of its own:
 *   probe accept PORT                  takes connections and closes them, until it is killed
 *   probe connect ADDRESS PORT COUNT   connects again and again; writes the times of each (µs)
 *   probe look-up NAME COUNT           asks 127.0.0.11 for a name; writes Lookups
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { concat, pack, u32 } from '../src/linux/bytes.ts';
import * as ffi from '../src/linux/ffi.ts';
import { familyOf, hostBytes } from '../src/linux/inet.ts';

/** What look-ups of a name took. */
export interface Lookups {
  /** µs, one after another. */
  readonly latencies: readonly number[];
  /** With PARALLEL of them under way. */
  readonly perSecond: number;
}

const PARALLEL = 32;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_LINGER = 13;
const SO_SNDTIMEO = 21;
const RESOLVER = '127.0.0.11';
const PATIENCE = 5000;

const [task, ...words] = process.argv.slice(2);
switch (task) {
  case 'accept':
    accept(Number(words[0]));
    break;
  case 'connect':
    console.log(JSON.stringify(connect(words[0]!, Number(words[1]), Number(words[2]))));
    break;
  case 'look-up':
    console.log(JSON.stringify(await lookUp(words[0]!, Number(words[1]))));
    break;
  default:
    throw new Error(`no such task: ${task}`);
}

function accept(port: number): void {
  const server = createServer((socket) => socket.on('error', () => undefined).destroy());
  server.listen({ port, host: '0.0.0.0', backlog: 4096 }, () => console.log('ready'));
}

/** Blocking connects: the system call alone is measured. They end by a reset, so that no port is kept waiting. */
function connect(address: string, port: number, count: number): number[] {
  const host = hostBytes(address);
  const family = familyOf(host);
  const target = concat([pack([family, 'u16'], [port, 'be16']), host, new Uint8Array(8)]);
  const times: number[] = [];
  for (let round = 0; round < count; round++) {
    const fd = ffi.socket(family, SOCK_STREAM, 0);
    ffi.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, new Uint8Array(new BigInt64Array([5n, 0n]).buffer), 16);
    ffi.setsockopt(fd, SOL_SOCKET, SO_LINGER, concat([u32(1), u32(0)]), 8);
    const begun = process.hrtime.bigint();
    ffi.connect(fd, target, target.length);
    times.push(Number(process.hrtime.bigint() - begun) / 1000);
    ffi.close(fd);
  }
  return times;
}

async function lookUp(name: string, count: number): Promise<Lookups> {
  const socket = createSocket('udp4');
  const waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  socket.on('message', (answer) => {
    const its = waiting.get(answer.readUInt16BE(0));
    waiting.delete(answer.readUInt16BE(0));
    const good = (answer.readUInt16BE(2) & 0xf) === 0 && answer.readUInt16BE(6) === 1;
    if (good) its?.resolve();
    else its?.reject(new Error(`${name}: answered with code ${answer.readUInt16BE(2) & 0xf}`));
  });
  socket.connect(53, RESOLVER);
  await once(socket, 'connect');
  const impatience = setTimeout(() => {
    for (const { reject } of waiting.values()) reject(new Error(`${name}: no answer`));
  }, PATIENCE);
  let sequence = 0;
  const ask = (): Promise<void> => {
    const id = (sequence = (sequence + 1) & 0xffff);
    impatience.refresh();
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      socket.send(question(id, name));
    });
  };
  const latencies: number[] = [];
  for (let round = 0; round < count; round++) {
    const begun = process.hrtime.bigint();
    await ask();
    latencies.push(Number(process.hrtime.bigint() - begun) / 1000);
  }
  const begun = performance.now();
  const several = async (): Promise<void> => {
    for (let round = 0; round < count / PARALLEL; round++) await ask();
  };
  await Promise.all(Array.from({ length: PARALLEL }, several));
  const perSecond = (PARALLEL * Math.ceil(count / PARALLEL)) / ((performance.now() - begun) / 1000);
  clearTimeout(impatience);
  socket.close();
  return { latencies, perSecond };
}

/** A DNS query for the IPv4 address of a name. */
function question(id: number, name: string): Uint8Array {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
}
