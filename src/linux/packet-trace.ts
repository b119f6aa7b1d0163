/**
 * The kernel's trace of chosen packets in one namespace.
 *
 * It takes a table of our own, whose rules mark the packets for tracing, and whose empty chains at
 * the edges of each hook make the kernel tell that a packet came by. None of them decides anything.
 * The table is bound to the process by the kernel's `owner` flag (Linux 5.12): should the process be
 * killed, the kernel removes it in the same moment.
 */
import { ICMP, ICMP6 } from '../core/model/walk/packet.ts';
import { withNamespace } from './namespace.ts';
import { listLinks } from './netlink/link.ts';
import { SystemError } from './ffi.ts';
import { LegacyTraceMonitor, type LegacyTraceEvent } from './netlink/legacy-trace.ts';
import { NetlinkError } from './netlink/message.ts';
import { TraceMonitor, type TracedHeaders, type TraceEvent } from './netlink/nftrace.ts';
import { NETLINK_ROUTE, NetlinkSocket } from './netlink/socket.ts';
import { hostBytes } from './inet.ts';
import { NftError, Nftables } from './nftables.ts';

const TABLE = 'passerelle-trace';
/** Before and after all that is in the kernel. */
const EDGES = { begin: -450, end: 450 } as const;
const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;

/** Which packets are traced: one direction of a flow. */
export interface TraceMatch {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  /** ICMP echo: both are the identifier. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** An ICMP error about a packet of that flow, whoever sends it. */
  readonly isErrorAbout?: boolean;
}

/** An event with the packet and the links, which the kernel tells once for all of a base chain. */
export interface PlacedEvent {
  readonly event: TraceEvent;
  /** Of our own chains: the edge of a hook that the packet was at. */
  readonly passage?: { readonly hook: (typeof HOOKS)[number]; readonly edge: keyof typeof EDGES };
  readonly packet: TracedHeaders;
  readonly inLink: string;
  readonly outLink: string;
}

export interface Taken {
  readonly events: readonly PlacedEvent[];
  /** Absent where it is not listened to. */
  readonly legacy?: readonly LegacyTraceEvent[];
  readonly lost: boolean;
}

export class PacketTrace {
  readonly #nft = new Nftables();
  readonly #monitor: TraceMonitor;
  readonly #legacy: LegacyTraceMonitor | undefined;
  readonly #table: string;
  readonly #links: ReadonlyMap<number, string>;
  readonly #inside: <T>(run: () => T) => T;
  #isClosed = false;

  /**
   * Traces from now on. `path`: of the namespace; undefined: the thread's own. `withLegacy`: through the
   * rules of iptables-legacy too, if nobody else listens to NFLOG's group 0 there.
   *
   * @throws NftError where nftables refuses, with what that means; ENOENT where the namespace is gone
   */
  constructor(path: string | undefined, version: 4 | 6, matches: readonly TraceMatch[], withLegacy: boolean) {
    this.#inside = (run) => (path === undefined ? run() : withNamespace(path, run));
    this.#table = `${version === 4 ? 'ip' : 'ip6'} ${TABLE}`;
    [this.#monitor, this.#links, this.#legacy] = this.#inside(() => {
      const links = linkNames();
      const monitor = new TraceMonitor();
      const legacy = withLegacy ? listenToLegacy() : undefined;
      try {
        this.#nft.runLines(tableLines(this.#table, version, matches));
      } catch (error) {
        monitor.close();
        legacy?.close();
        this.#nft.close();
        throw error instanceof NftError ? explained(error) : error;
      }
      return [monitor, links, legacy];
    });
  }

  /** What was told since the last call. */
  take(): Taken {
    const { events, lost } = this.#monitor.take();
    const contexts = new Map<number, Pick<PlacedEvent, 'packet' | 'inLink' | 'outLink'>>();
    const placed = events.flatMap((event): PlacedEvent[] => {
      const { packet, inLink, outLink, trace } = event;
      if (packet) contexts.set(trace, { packet, inLink: this.#name(inLink), outLink: this.#name(outLink) });
      const context = contexts.get(trace);
      if (!context || event.kind === 'return') return [];
      if (event.table !== TABLE) return [{ event, ...context }];
      // Each of our chains tells its end once.
      const passage = event.kind === 'policy' ? passageOf(event.chain) : undefined;
      return passage ? [{ event, passage, ...context }] : [];
    });
    return { events: placed, lost, ...(this.#legacy && { legacy: this.#legacy.take() }) };
  }

  /** Ends it: the table is gone when this returns. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.#inside(() => this.#nft.runLines([`delete table ${this.#table}`]));
    } finally {
      this.#nft.close();
      this.#monitor.close();
      this.#legacy?.close();
    }
  }

  #name(index: number): string {
    return index === 0 ? '' : (this.#links.get(index) ?? `link ${index}`);
  }
}

/** It is the ground for nothing: without it decisions of iptables-legacy stay untold. */
function listenToLegacy(): LegacyTraceMonitor | undefined {
  try {
    return new LegacyTraceMonitor();
  } catch (error) {
    if (error instanceof NetlinkError || error instanceof SystemError) return undefined;
    throw error;
  }
}

function linkNames(): ReadonlyMap<number, string> {
  const socket = new NetlinkSocket(NETLINK_ROUTE);
  try {
    return new Map(listLinks(socket).map(({ index, name }) => [index, name]));
  } finally {
    socket.close();
  }
}

function explained({ message, code, index }: NftError): NftError {
  const why = code === 'EOPNOTSUPP' || code === 'EINVAL' ? ': the kernel must be Linux 5.12 or newer' : '';
  return new NftError(`the kernel's trace can't be turned on${why}: ${message}`, code, index);
}

function passageOf(chain: string): PlacedEvent['passage'] {
  const [hook, edge] = chain.split('-');
  const known = HOOKS.find((its) => its === hook);
  return known && (edge === 'begin' || edge === 'end') ? { hook: known, edge } : undefined;
}

function tableLines(table: string, version: 4 | 6, matches: readonly TraceMatch[]): string[] {
  const chains = HOOKS.flatMap((hook) =>
    Object.entries(EDGES).map(
      ([edge, priority]) => `add chain ${table} ${hook}-${edge} { type filter hook ${hook} priority ${priority}; }`,
    ),
  );
  // Where packets come into being for a namespace; the mark stays with them until they leave it.
  const rules = ['prerouting', 'output'].flatMap((hook) =>
    matches.map((match) => `add rule ${table} ${hook}-begin ${matchText(version, match)} meta nftrace set 1`),
  );
  return [`add table ${table} { flags owner; }`, ...chains, ...new Set(rules)];
}

function matchText(version: 4 | 6, match: TraceMatch): string {
  const { source, destination, protocol, sourcePort, destinationPort } = match;
  if (match.isErrorAbout) return errorText(version, match);
  const ends =
    version === 4 ? `ip saddr ${source} ip daddr ${destination}` : `ip6 saddr ${source} ip6 daddr ${destination}`;
  if (protocol === ICMP) return `${ends} icmp type { echo-request, echo-reply } icmp id ${sourcePort}`;
  if (protocol === ICMP6) return `${ends} icmpv6 type { echo-request, echo-reply } icmpv6 id ${sourcePort}`;
  return `${ends} meta l4proto ${protocol} th sport ${sourcePort} th dport ${destinationPort}`;
}

/** What an ICMP error holds of the packet that it is about begins 8 bytes after its own header. */
function errorText(version: 4 | 6, { source, destination, protocol, sourcePort, destinationPort }: TraceMatch): string {
  const number = (text: string) => `0x${Buffer.from(hostBytes(text)).toString('hex')}`;
  const [length, addresses, header] = version === 4 ? [32, 8 + 12, 8 + 20] : [128, 8 + 8, 8 + 40];
  const field = (bytes: number, bits: number, value: string | number) => `@th,${bytes * 8},${bits} ${value}`;
  const isEcho = protocol === ICMP || protocol === ICMP6;
  return [
    version === 4
      ? 'icmp type { destination-unreachable, time-exceeded, parameter-problem }'
      : 'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }',
    field(addresses, length, number(source)),
    field(addresses + length / 8, length, number(destination)),
    ...(isEcho
      ? [field(header + 4, 16, sourcePort)]
      : [field(header, 16, sourcePort), field(header + 2, 16, destinationPort)]),
  ].join(' ');
}
