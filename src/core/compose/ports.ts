/** Ports of a service as compose files write them. */
import { fields, integer, oneOf, text, textOrNumber } from './cursor.ts';
import type { Cursor, Decoder } from './cursor.ts';

export type PortProtocol = 'tcp' | 'udp' | 'sctp';

export interface ServicePort {
  readonly target: number;
  readonly protocol: PortProtocol;
  /** `8000`, or `8000-8010` for one of that range; undefined: the engine chooses. */
  readonly published?: string;
  /** Empty: every address of the host. */
  readonly hostIp: string;
}

const SHORT =
  /^(?:(?:(?<ip>\[[0-9a-fA-F:.]+\]|[^:[\]]*):)?(?<published>\d*(?:-\d+)?):)?(?<target>\d+(?:-\d+)?)(?:\/(?<protocol>[a-z]+))?$/;
const EXPECTED =
  '[[host_ip:]host_port[-host_port]:]port[-port][/protocol], for example "8080:80" or "127.0.0.1:53:53/udp"';
const PROTOCOLS: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp']);

interface Range {
  readonly first: number;
  readonly last: number;
}

function readRange(range: string): Range | undefined {
  const [first, last = first] = range.split('-').map(Number);
  const valid = first !== undefined && last !== undefined && first <= last && last <= 65535;
  return valid ? { first, last } : undefined;
}

/**
 * `8080:80`, `80`, `127.0.0.1:8000-8001:80-81/udp`, … Ranges of one length map one to one;
 * a range to one port is a choice. Throws RangeError with the text to show.
 */
export function parsePort(spec: string): readonly ServicePort[] {
  const parts = SHORT.exec(spec)?.groups;
  const invalid = `Invalid port "${spec}", should be [[remote_ip:]remote_port[-remote_port]:]port[/protocol]`;
  if (!parts) throw new RangeError(invalid);
  const protocol = parts['protocol'] ?? 'tcp';
  if (!PROTOCOLS.has(protocol)) throw new RangeError(`Invalid protocol "${protocol}" in port "${spec}"`);
  const target = readRange(parts['target']!);
  const published = parts['published'] ? readRange(parts['published']) : undefined;
  if (!target || target.first === 0 || (parts['published'] && !published)) throw new RangeError(invalid);
  const common = { protocol: protocol as PortProtocol, hostIp: (parts['ip'] ?? '').replace(/^\[|\]$/g, '') };
  const count = target.last - target.first + 1;
  if (!published) return upTo(count, (offset) => ({ target: target.first + offset, ...common }));
  if (count === 1) return [{ target: target.first, published: parts['published']!, ...common }];
  if (published.last - published.first + 1 !== count) throw new RangeError("Port ranges don't match in length");
  return upTo(count, (offset) => ({
    target: target.first + offset,
    published: String(published.first + offset),
    ...common,
  }));
}

function upTo<T>(count: number, make: (offset: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, offset) => make(offset));
}

const long = fields({
  target: integer,
  published: textOrNumber,
  protocol: oneOf('tcp', 'udp', 'sctp'),
  host_ip: text,
  mode: text,
  name: text,
  app_protocol: text,
});

export const port: Decoder<readonly ServicePort[]> = (cursor) => {
  if (cursor.value.kind === 'mapping') return longPort(cursor);
  if (cursor.value.kind === 'sequence') return cursor.wrongType('a number, string, or an object', EXPECTED);
  const spec = cursor.value.text;
  return reported(cursor, () => parsePort(spec));
};

function longPort(cursor: Cursor): readonly ServicePort[] | undefined {
  const found = long(cursor);
  if (!found) return undefined;
  if (found.target === undefined)
    return cursor.fail(`${cursor.option} is invalid, target is required.`, '`target: 80`');
  const published = found.published === undefined ? '' : `${found.published}:`;
  const hostIp = found.host_ip?.replace(/^\[|\]$/g, '') ?? '';
  return reported(cursor, () =>
    parsePort(`${published}${found.target}/${found.protocol ?? 'tcp'}`).map((each) => ({ ...each, hostIp })),
  );
}

function reported<T>(cursor: Cursor, parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return cursor.fail(`${cursor.option} is invalid: ${error.message}`, EXPECTED);
  }
}

/** Ports that are open to linked services: `3000` or `8125/udp`, ranges spread out. */
export const exposed: Decoder<readonly string[]> = (cursor) => {
  const spec = textOrNumber(cursor);
  if (spec === undefined) return undefined;
  const [range = '', protocol = 'tcp'] = spec.split('/');
  const found = /^\d+(-\d+)?$/.test(range) && PROTOCOLS.has(protocol) ? readRange(range) : undefined;
  if (!found)
    return cursor.fail(
      `${cursor.option} is invalid: should be of the format 'PORT[/PROTOCOL]'`,
      '"3000" or "8125/udp"',
    );
  return upTo(found.last - found.first + 1, (offset) => `${found.first + offset}/${protocol}`);
};
