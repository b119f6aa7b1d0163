/** What the engine wants to know of the machine besides its kernel objects. */
export interface Host {
  /** The content of the host's resolv.conf. */
  resolvConf(): Promise<string>;
  /** Calls `changed` after the host's resolv.conf has changed. */
  watchResolvConf(changed: () => void): { close(): void };
  hostname(): string;
  /** The content of the host's hosts file. */
  hosts(): Promise<string>;
  /** The names of all links of the engine's namespace, hardware too. */
  linkNames(): Promise<readonly string[]>;
  /** `net.ipv4.ip_local_port_range` of the engine's namespace. */
  ephemeralPorts(): Promise<{ readonly from: number; readonly to: number }>;
  /** Ten hexadecimal digits, always the same on this machine: its unique local IPv6 block (RFC 4193). */
  uniqueLocalDigits(): Promise<string>;
}
