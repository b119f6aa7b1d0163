/** An answer to one sandbox's question, from the records alone. */
export interface NameAnswer {
  /** IPv4 and IPv6 addresses without prefix length, in record order. */
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

/**
 * What the name servers ask the engine: who is known to this sandbox by that name.
 * Names are compared without regard to case.
 */
export interface Names {
  /** Undefined: not one of ours; ask the outside. */
  lookup(sandbox: string, name: string): NameAnswer | undefined;
  /** `name.network` of the endpoint with that address on one of the sandbox's networks. */
  reverse(sandbox: string, address: string): string | undefined;
  /** Where and how this sandbox's other questions go. */
  upstream(sandbox: string): Upstream;
}

export interface Upstream {
  /** Tried in this order. `from`: the namespace that the query is sent from. Empty: the sandbox has no way out. */
  readonly servers: readonly { readonly address: string; readonly from: 'host' | 'sandbox' }[];
}
