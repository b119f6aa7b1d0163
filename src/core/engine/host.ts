/** What the engine wants to know of the machine besides its kernel objects. */
export interface Host {
  /** The content of the host's resolv.conf. */
  resolvConf(): Promise<string>;
  hostname(): string;
  /** `net.ipv4.ip_local_port_range` of the engine's namespace. */
  ephemeralPorts(): Promise<{ readonly from: number; readonly to: number }>;
  /** Something that is the same at each start on this machine: seeds the IPv6 pools. */
  machineId(): Promise<string>;
}
