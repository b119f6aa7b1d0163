/** The requests of the pieces of work. Each throws if the engine refuses it. */
import type { Engine } from './engines/engine.ts';

export const IMAGE = 'busybox:1.36';

export interface ContainerOptions {
  readonly network?: string;
  /** Host port -> port of the container, TCP. */
  readonly ports?: ReadonlyMap<number, number>;
}

/** `count` ports from `from` on the host, for as many of the container. */
export function portRange(from: number, count: number): ReadonlyMap<number, number> {
  return new Map(Array.from({ length: count }, (_, index) => [from + index, 1000 + index]));
}

export async function ask<T = unknown>(
  { api, name }: Engine,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const answer = await api.call(method, path, body);
  if (answer.status >= 400)
    throw new Error(`${name}: ${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as T;
}

export async function createNetwork(engine: Engine, name: string): Promise<void> {
  await ask(engine, 'POST', '/networks/create', { Name: name, CheckDuplicate: true });
}

export async function removeNetwork(engine: Engine, name: string): Promise<void> {
  await ask(engine, 'DELETE', `/networks/${name}`);
}

export async function connect(engine: Engine, network: string, container: string): Promise<void> {
  await ask(engine, 'POST', `/networks/${network}/connect`, { Container: container });
}

export async function disconnect(engine: Engine, network: string, container: string): Promise<void> {
  await ask(engine, 'POST', `/networks/${network}/disconnect`, { Container: container });
}

/** A container that sleeps. */
export async function createContainer(engine: Engine, name: string, options: ContainerOptions = {}): Promise<void> {
  const ports = [...(options.ports ?? [])];
  await ask(engine, 'POST', `/containers/create?name=${name}`, {
    Image: IMAGE,
    Cmd: ['sleep', '86400'],
    ExposedPorts: Object.fromEntries(ports.map(([, inside]) => [`${inside}/tcp`, {}])),
    HostConfig: {
      NetworkMode: options.network ?? 'bridge',
      PortBindings: Object.fromEntries(ports.map(([host, inside]) => [`${inside}/tcp`, [{ HostPort: String(host) }]])),
    },
  });
}

export async function startContainer(engine: Engine, name: string): Promise<void> {
  await ask(engine, 'POST', `/containers/${name}/start`);
}

export async function runContainer(engine: Engine, name: string, options?: ContainerOptions): Promise<void> {
  await createContainer(engine, name, options);
  await startContainer(engine, name);
}

export async function removeContainer(engine: Engine, name: string): Promise<void> {
  await ask(engine, 'DELETE', `/containers/${name}?force=1`);
}

/** The container's first process. */
export async function pidOf(engine: Engine, name: string): Promise<number> {
  return (await ask<{ State: { Pid: number } }>(engine, 'GET', `/containers/${name}/json`)).State.Pid;
}

/** The container's address on a network. */
export async function addressOf(engine: Engine, name: string, network: string): Promise<string> {
  const { NetworkSettings } = await ask<{ NetworkSettings: { Networks: Record<string, { IPAddress: string }> } }>(
    engine,
    'GET',
    `/containers/${name}/json`,
  );
  return NetworkSettings.Networks[network]!.IPAddress;
}
