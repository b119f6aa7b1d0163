/** What the relay's thread is started with. It answers with warnings, as text. */
export interface RelaySettings {
  /** The table's memory. */
  readonly listeners: SharedArrayBuffer;
  /** The epoll instance: listening sockets are added from outside. */
  readonly epoll: number;
}

/** What an epoll event is about. */
export const KIND = {
  /** A listening socket; its id is its slot. */
  listener: 0,
  /** The other thread has closed sockets, or calls for the end. */
  wake: 1,
  /** One side of a connection; its id is its fd. */
  side: 2,
} as const;
