/**
 * A host whose networks come from records, without a container runtime: bridges, sandboxes and rules
 * by the drivers and a layout, servers in the sandboxes, and another machine (the world) beside it.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endpointObjects, engineObjects, networkObjects, sandboxObjects } from '../../src/core/drivers/drivers.ts';
import type { FirewallOptions, Place } from '../../src/core/firewall/layout.ts';
import { SANDBOX } from '../../src/core/firewall/records.fixture.ts';
import type { NetworkRecord } from '../../src/core/network/network.ts';
import { difference } from '../../src/core/plan/difference.ts';
import type { Desired, KernelObject } from '../../src/core/plan/object.ts';
import { repair } from '../../src/core/plan/repair.ts';
import type { Step } from '../../src/core/plan/step.ts';
import { LinuxKernel } from '../../src/linux/kernel.ts';

export const HOST = '198.51.100.1';
/** A second address of the host, for networks that leave with a chosen one. */
export const HOST_2 = '198.51.100.9';
export const WORLD = '198.51.100.2';
export const HOST6 = '2001:db8::1';
export const WORLD6 = '2001:db8::2';

export interface Scene {
  readonly networks: readonly NetworkRecord[];
  readonly places: readonly Place[];
}

export class Lab {
  readonly #directory = mkdtempSync(join(tmpdir(), 'n-layouts-'));
  readonly #host: string;
  readonly #world: string;
  readonly #children: ChildProcess[] = [];
  readonly kernel: LinuxKernel;

  /** `name` is that of its namespaces; `routes` are the ways that the world knows to the host's networks. */
  constructor(name: string, worker: URL, routes: readonly string[] = []) {
    this.#host = `n-${name}-${process.pid}`;
    this.#world = `${this.#host}-w`;
    for (const netns of [this.#host, this.#world]) {
      ip('netns', 'add', netns);
      ip('-n', netns, 'link', 'set', 'lo', 'up');
    }
    ip('link', 'add', 'uplink0', 'netns', this.#host, 'type', 'veth', 'peer', 'name', 'uplink0', 'netns', this.#world);
    this.#wire(this.#host, HOST, HOST_2, HOST6);
    this.#wire(this.#world, WORLD, WORLD6);
    ip('-n', this.#host, 'route', 'add', 'default', 'via', WORLD);
    for (const route of routes) {
      ip('-n', this.#world, 'route', 'add', route, 'via', route.includes(':') ? HOST6 : HOST);
    }
    this.kernel = new LinuxKernel({
      runDirectory: this.#directory,
      hostNamespace: `/run/netns/${this.#host}`,
      worker,
    });
  }

  #wire(netns: string, ...addresses: readonly string[]): void {
    for (const address of addresses) {
      const isIpv6 = address.includes(':');
      ip(
        '-n',
        netns,
        'address',
        'add',
        `${address}/${isIpv6 ? 64 : 24}`,
        'dev',
        'uplink0',
        ...(isIpv6 ? ['nodad'] : []),
      );
    }
    ip('-n', netns, 'link', 'set', 'uplink0', 'up');
  }

  /** Makes the host from nothing. The proxy's listeners are played by socat. */
  async build(scene: Scene, options: FirewallOptions): Promise<void> {
    await this.change([], desired(scene, options));
    for (const object of desired(scene, options)) {
      if (object.kind !== 'listener' || !object.forward) continue;
      const { protocol, address, port, target } = object;
      const from = listening(protocol, address.includes(':') ? '6' : '4', port, `,bind=${bracket(address)}`);
      this.#spawn(this.#host, from, `${protocol.toUpperCase()}:${bracket(target.address)}:${target.port}`);
    }
  }

  async change(before: readonly Desired[], after: readonly Desired[]): Promise<void> {
    await this.kernel.apply(kernelSteps(difference(before, after)));
  }

  /** What the engine does at its start and when it hears of a foreign change; gives the steps. */
  async repair(
    wanted: readonly Desired[],
    superseded: readonly Desired[] = [],
  ): Promise<readonly Step<KernelObject>[]> {
    const sandboxes = wanted.flatMap((object) => (object.kind === 'namespace' ? object.id : []));
    const steps = repair(await this.kernel.observe({ sandboxes }), wanted, superseded);
    await this.kernel.apply(steps);
    return steps;
  }

  /**
   * Answers each caller of the port with the container's name and the caller's address. `where` is a
   * container's name or `world`.
   */
  serve(where: string, port: number, protocol: 'tcp' | 'udp' = 'tcp', family: '4' | '6' = '4'): void {
    const first = protocol === 'udp' ? 'read question; ' : '';
    const answer = `SYSTEM:${first}echo ${where} $SOCAT_PEERADDR`;
    this.#spawn(this.#path(where), listening(protocol, family, port), answer);
  }

  /** Resolves once all servers listen, as many as there are sockets for them. */
  async served(): Promise<void> {
    const waiting = () =>
      this.#children.filter(({ pid, exitCode, spawnargs }) => {
        if (exitCode !== null) throw new Error(`${spawnargs.join(' ')} ended with ${exitCode}`);
        return !holdsSocket(pid!);
      });
    while (waiting().length > 0) await new Promise((done) => setTimeout(done, 50));
  }

  #spawn(netns: string, from: string, to: string): void {
    const path = netns.startsWith('/') ? netns : `/run/netns/${netns}`;
    this.#children.push(spawn('nsenter', [`--net=${path}`, 'socat', from, to], { stdio: 'ignore' }));
  }

  /**
   * What the server answers, as `container caller`; `nothing` if nobody does within `patience`
   * seconds.
   */
  async call(
    where: string,
    address: string,
    port: number,
    { protocol = 'tcp', patience = 5 }: { readonly protocol?: 'tcp' | 'udp'; readonly patience?: number } = {},
  ): Promise<string> {
    const target = `${protocol.toUpperCase()}:${bracket(address)}:${port}`;
    // Nothing is said to a TCP server, which would reset the connection for what it did not read; a
    // UDP client must say something, and hears of no end.
    const command = protocol === 'tcp' ? `socat -u ${target} -` : `echo | socat -t1 - ${target}`;
    const output = await this.run(where, 'timeout', String(patience), 'sh', '-c', `${command} 2>&1`);
    return /^\w+ \[?([\da-f.:]+)\]?$/m.exec(output)?.[0].replaceAll(/[[\]]/g, '') ?? 'nothing';
  }

  /** The world sends the host a datagram for `address`, whoever that is on its own way. */
  async forge(address: string, port: number): Promise<void> {
    const [mac = ''] =
      /(?:[\da-f]{2}:){5}[\da-f]{2}/.exec(await this.run('host', 'ip', '-br', 'link', 'show', 'uplink0')) ?? [];
    await this.run('world', 'python3', '-c', FORGE, mac, WORLD, address, String(port));
  }

  /** The flows to that port that the host knows of. */
  async flows(port: number): Promise<readonly string[]> {
    const flows = await this.run('host', 'conntrack', '-L', '-p', 'udp', '--orig-port-dst', String(port));
    return flows.split('\n').filter((line) => line !== '');
  }

  async ping(where: string, address: string): Promise<boolean> {
    return (await this.run(where, 'busybox', 'ping', '-c1', '-W1', address)).includes(' 0% packet loss');
  }

  /** Runs a command in a container, `host` or `world`; gives its output, whatever its exit status. */
  run(where: string, command: string, ...args: readonly string[]): Promise<string> {
    return new Promise((done, failed) => {
      execFile('nsenter', [`--net=${this.#path(where)}`, command, ...args], (error, stdout, stderr) => {
        if (error && typeof error.code !== 'number' && !error.killed) failed(new Error(`${error.message}${stderr}`));
        else done(stdout);
      });
    });
  }

  #path(where: string): string {
    if (where === 'host') return `/run/netns/${this.#host}`;
    if (where === 'world') return `/run/netns/${this.#world}`;
    return this.kernel.namespacePath(`${where}-sandbox`);
  }

  async close(): Promise<void> {
    const running = this.#children.filter(({ exitCode }) => exitCode === null);
    await Promise.all(
      running.map((child) => {
        const exit = new Promise((done) => child.once('exit', done));
        child.kill();
        return exit;
      }),
    );
    const namespaces = await this.kernel.observe({ sandboxes: [], kinds: ['namespace'] });
    await this.kernel.apply(
      namespaces.map((object) => ({
        op: 'remove',
        object: { ...object, owner: SANDBOX_OWNER, why: 'The test ends.' },
      })),
    );
    await this.kernel.close();
    ip('netns', 'delete', this.#world);
    ip('netns', 'delete', this.#host);
    rmSync(this.#directory, { recursive: true });
  }
}

/** A frame with a UDP datagram in it, from a socket that asks no routing table. */
const FORGE = `
import socket, struct, sys
mac, source, destination, port = sys.argv[1], *map(socket.inet_aton, sys.argv[2:4]), int(sys.argv[4])
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(('uplink0', 0))
head = struct.pack('!BBHHHBBH', 0x45, 0, 28, 1, 0, 64, 17, 0) + source + destination
total = sum(struct.unpack('!10H', head))
total = (total & 0xffff) + (total >> 16)
head = head[:10] + struct.pack('!H', ~(total + (total >> 16)) & 0xffff) + head[12:]
ethernet = bytes.fromhex(mac.replace(':', '')) + link.getsockname()[4] + b'\\x08\\x00'
link.send(ethernet + head + struct.pack('!HHHH', 4000, port, 8, 0))
`;

const SANDBOX_OWNER = { kind: 'engine', id: 'test', name: 'test' } as const;

/** All that the scene calls for; each container has one place. */
export function desired({ networks, places }: Scene, options: FirewallOptions): Desired[] {
  return [
    ...engineObjects(options),
    ...networks.flatMap((network) => networkObjects(network, options)),
    ...places.flatMap((place) => attachment(place, options)),
  ];
}

/** One container and its place. */
export function attachment(place: Place, options: FirewallOptions): Desired[] {
  const { endpoint, containerName } = place;
  return [
    ...sandboxObjects({ ...SANDBOX, id: endpoint.sandboxId, containerId: containerName }, containerName, [place]),
    ...endpointObjects(place, options),
  ];
}

function kernelSteps(steps: readonly Step[]): Step<KernelObject>[] {
  return steps.filter(
    (step): step is Step<KernelObject> => step.object.kind !== 'listener' && step.object.kind !== 'resolver',
  );
}

function holdsSocket(pid: number): boolean {
  try {
    const descriptors = readdirSync(`/proc/${pid}/fd`);
    return descriptors.some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:'));
  } catch (error) {
    // It is not there yet, or a descriptor has just been closed.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** socat's word for a server that forks for each caller, of one family alone. */
function listening(protocol: string, family: '4' | '6', port: number, more = ''): string {
  const alone = family === '6' ? ',ipv6only=1' : '';
  return `${protocol.toUpperCase()}${family}-LISTEN:${port},fork,reuseaddr${alone}${more}`;
}

const bracket = (address: string): string => (address.includes(':') ? `[${address}]` : address);

function ip(...args: readonly string[]): void {
  execFileSync('ip', args);
}
