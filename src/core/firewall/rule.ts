/**
 * Firewall rules as values: what iptables prints and takes, without the text.
 *
 * A layout makes them from records, a printer writes them, a parser reads foreign listings into
 * them, and the model walks packets through them: one shape for all four.
 */

export type Family = 'ip' | 'ip6';

export type Table = 'raw' | 'mangle' | 'nat' | 'filter' | 'security';

export type ConntrackState = 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED' | 'SNAT' | 'DNAT';

/** An inclusive range of ports; one port has `from === to`. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** `not` inverts the match, as `!` does on the command line. */
interface Negatable {
  readonly not?: true;
}

export type Match = Negatable &
  (
    | { readonly kind: 'in' | 'out'; /** A trailing `+` matches any suffix. */ readonly link: string }
    | {
        readonly kind: 'source' | 'destination';
        /** CIDR, or address/mask if not contiguous. */ readonly prefix: string;
      }
    /** Protocol by its iptables-save name (`tcp`, `udp`, `icmp`, `ipv6-icmp`, `sctp`) or number. */
    | { readonly kind: 'protocol'; readonly name: string }
    /** `-p tcp -m tcp --dport`: `of` is the extension (`-m`) that carries the match. */
    | {
        readonly kind: 'port';
        readonly of: 'tcp' | 'udp' | 'sctp' | 'dccp';
        readonly side: 'source' | 'destination';
        readonly range: PortRange;
      }
    | {
        readonly kind: 'multiport';
        readonly side: 'source' | 'destination' | 'either';
        readonly ranges: readonly PortRange[];
      }
    | { readonly kind: 'tcp-flags'; readonly mask: readonly string[]; readonly set: readonly string[] }
    | { readonly kind: 'icmp-type'; readonly of: 'icmp' | 'icmp6'; readonly type: string }
    /** `-m conntrack --ctstate`, or the older `-m state --state` when `of` is `state`. */
    | { readonly kind: 'conntrack'; readonly of: 'conntrack' | 'state'; readonly states: readonly ConntrackState[] }
    | {
        readonly kind: 'addrtype';
        readonly side: 'source' | 'destination';
        readonly type: string;
        readonly limit?: 'in' | 'out';
      }
    | { readonly kind: 'mark' | 'connmark'; readonly value: number; readonly mask?: number }
    | {
        readonly kind: 'set';
        readonly name: string;
        /** `src`, `dst` per dimension. */ readonly flags: readonly ('src' | 'dst')[];
      }
    | { readonly kind: 'comment'; readonly text: string }
    | {
        readonly kind: 'physdev';
        readonly side: 'in' | 'out' | 'is-in' | 'is-out' | 'is-bridged';
        readonly link?: string;
      }
    | { readonly kind: 'iprange'; readonly side: 'source' | 'destination'; readonly from: string; readonly to: string }
    | { readonly kind: 'mac'; readonly address: string }
    | { readonly kind: 'pkttype'; readonly type: string }
    /** A match that is carried as text: its extension and options, exactly as iptables-save writes them. */
    | { readonly kind: 'other'; readonly extension: string; readonly options: string }
  );

export type Target =
  | { readonly kind: 'accept' | 'drop' | 'return' }
  /** A rule without a target only counts. */
  | { readonly kind: 'none' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | { readonly kind: 'reject'; readonly with: string }
  | { readonly kind: 'masquerade'; readonly ports?: PortRange; readonly random?: 'random' | 'random-fully' }
  /** `to` is the text after `--to-destination`/`--to-source`: `address`, `address:port`, ranges. */
  | { readonly kind: 'dnat' | 'snat'; readonly to: string; readonly flags?: string }
  | { readonly kind: 'redirect'; readonly ports?: PortRange }
  | { readonly kind: 'netmap'; readonly to: string }
  | {
      readonly kind: 'mark' | 'connmark';
      /** As iptables-save writes it: `--set-xmark 0x1/0xffffffff`. */ readonly options: string;
    }
  | { readonly kind: 'log' | 'nflog'; readonly options: string }
  /** A target that is carried as text: its name and options, exactly as iptables-save writes them. */
  | { readonly kind: 'other'; readonly name: string; readonly options: string };

/** One rule of one chain. Its place in the chain is not part of it. */
export interface Rule {
  readonly family: Family;
  readonly table: Table;
  readonly chain: string;
  readonly matches: readonly Match[];
  readonly target: Target;
}
