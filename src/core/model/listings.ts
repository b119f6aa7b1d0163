/** Listings that are plain lines: sysctl, ss, conntrack. Lines of another shape are passed over. */
import { parseAddress } from '../address/address.ts';
import type { FlowEntry, Listener, Tuple } from './linux.ts';
import { protocolNumber } from './walk/packet.ts';

/** `net.ipv4.ip_forward = 1`; names of links may have dots, which sysctl writes as slashes, or slashes throughout. */
export function readSysctls(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name = '', value = ''] = /^\s*([\w./-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === '') continue;
    const path = name.startsWith('net/') ? name : name.replaceAll(/[./]/g, (mark) => (mark === '.' ? '/' : '.'));
    settings.set(path, value);
  }
  return settings;
}

const SOCKET =
  /^(tcp|udp|sctp)\s+(?:LISTEN|UNCONN)\s+\d+\s+\d+\s+(\S+):(\d+)\s+\S+(?:\s+users:\(\("([^"]+)"(?:,pid=(\d+))?)?/;

/** `ss -lntu`, with `-p` or without. */
export function readSockets(text: string): Listener[] {
  return text.split('\n').flatMap((line): Listener[] => {
    const [, protocol, where = '', port, process, pid] = SOCKET.exec(line) ?? [];
    if (protocol === undefined) return [];
    const [host = '', link] = where.replaceAll(/[[\]]/g, '').split('%');
    const address = parseAddress(host);
    const isWildcard = !address || address.words.every((word) => word === 0);
    return [
      {
        protocol: protocol as 'tcp',
        version: host === '*' ? 'both' : host.includes(':') ? 6 : 4,
        port: Number(port),
        ...(!isWildcard && { address }),
        ...(link !== undefined && { link }),
        ...(process !== undefined && { process }),
        ...(Number(pid ?? 0) > 0 && { pid: Number(pid) }),
      },
    ];
  });
}

/** `conntrack -L` */
export function readConntrack(text: string): FlowEntry[] {
  return text.split('\n').flatMap((line): FlowEntry[] => {
    const [name = ''] = line.trim().split(/\s+/);
    const protocol = protocolNumber(name);
    const halves = [...line.matchAll(/src=(\S+) dst=(\S+)(?: sport=(\d+) dport=(\d+)| type=\d+ code=\d+ id=(\d+))?/g)];
    if (protocol === undefined || halves.length !== 2) return [];
    const [original, reply] = halves.map(([, source = '', destination = '', from, to, id]): Tuple | undefined => {
      const [a, b] = [parseAddress(source), parseAddress(destination)];
      return (
        a &&
        b && {
          protocol,
          source: a,
          destination: b,
          sourcePort: Number(from ?? id ?? 0),
          destinationPort: Number(to ?? id ?? 0),
        }
      );
    });
    if (!original || !reply) return [];
    const mark = Number(/ mark=(\d+)/.exec(line)?.[1] ?? 0);
    return [{ original, reply, seenReply: !line.includes('[UNREPLIED]'), mark }];
  });
}
