import { closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Namespace } from '../core/plan/object.ts';
import { createNamespace, isNamespace, removeNamespace, withNamespace } from './namespace.ts';
import { NETLINK_ROUTE, NetlinkSocket } from './netlink/socket.ts';

/** The folder of the sandboxes' namespaces below the engine's run directory. */
export const namespaceFolder = (runDirectory: string): string => join(runDirectory, 'netns');

/** A sandbox that has no namespace. */
export class NoNamespaceError extends Error {
  override readonly name = 'NoNamespaceError';
  readonly code = 'ENOENT';

  constructor(sandbox: string) {
    super(`sandbox ${sandbox} has no network namespace`);
  }
}

/**
 * The namespaces that objects live in: the thread's own as `host`, and one for each sandbox, with
 * one rtnetlink socket in each, opened at its first use.
 */
export class Namespaces {
  readonly #folder: string;
  readonly #sockets = new Map<Namespace, NetlinkSocket>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The sandboxes that have a namespace. */
  list(): readonly string[] {
    try {
      return readdirSync(this.#folder).filter((sandbox) => this.has(sandbox));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  has(namespace: Namespace): boolean {
    return namespace === 'host' || isNamespace(this.#path(namespace));
  }

  create(sandbox: string): void {
    createNamespace(this.#path(sandbox));
  }

  /** Says whether it was there. */
  remove(sandbox: string): boolean {
    const there = this.has(sandbox);
    this.#sockets.get(sandbox)?.close();
    this.#sockets.delete(sandbox);
    removeNamespace(this.#path(sandbox));
    return there;
  }

  /** Runs `run` inside; synchronous only, see withNamespace. Throws NoNamespaceError. */
  inside<T>(namespace: Namespace, run: () => T): T {
    return namespace === 'host' ? run() : withNamespace(this.#existing(namespace), run);
  }

  /** The rtnetlink socket inside. Throws NoNamespaceError. */
  route(namespace: Namespace): NetlinkSocket {
    let socket = this.#sockets.get(namespace);
    if (!socket) {
      socket = this.inside(namespace, () => new NetlinkSocket(NETLINK_ROUTE));
      this.#sockets.set(namespace, socket);
    }
    return socket;
  }

  /** Lends a descriptor of the namespace, as netlink names one. Throws NoNamespaceError. */
  withDescriptor<T>(namespace: Namespace, use: (descriptor: number) => T): T {
    const path = namespace === 'host' ? '/proc/thread-self/ns/net' : this.#existing(namespace);
    const descriptor = openSync(path, 'r');
    try {
      return use(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #existing(sandbox: string): string {
    const path = this.#path(sandbox);
    if (!isNamespace(path)) throw new NoNamespaceError(sandbox);
    return path;
  }

  #path(sandbox: string): string {
    if (!/^\w[\w.-]*$/.test(sandbox)) throw new TypeError(`${JSON.stringify(sandbox)} is not a sandbox id`);
    return join(this.#folder, sandbox);
  }
}
