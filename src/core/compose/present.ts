/** What the engine has of a project, as its lists tell it. */
import * as label from './labels.ts';

export interface PresentContainer {
  readonly Id: string;
  /** With their leading slash; the container's own is the one without another. */
  readonly Names: readonly string[];
  readonly Labels: Readonly<Record<string, string>> | null;
  /** `running`, `created`, `exited`, … */
  readonly State: string;
  readonly Mounts?: readonly { readonly Type: string; readonly Name?: string; readonly Destination: string }[];
}

export interface PresentNetwork {
  readonly Name: string;
  readonly Driver: string;
  readonly Options: Readonly<Record<string, string>> | null;
  readonly IPAM: {
    readonly Driver: string;
    readonly Config: readonly Readonly<Record<string, unknown>>[] | null;
  };
}

export interface Present {
  readonly containers: readonly PresentContainer[];
  readonly networks: readonly PresentNetwork[];
  /** Names. */
  readonly volumes: ReadonlySet<string>;
  /** Reference as in the compose file -> image id. */
  readonly images: ReadonlyMap<string, string>;
}

export function nameOf(container: PresentContainer): string {
  const own =
    container.Names.find((name) => name.lastIndexOf('/') === 0) ?? container.Names[0] ?? container.Id.slice(0, 12);
  return own.replace(/^\//, '');
}

export function labelOf(container: PresentContainer, key: string): string {
  return container.Labels?.[key] ?? '';
}

export function isRunning(container: PresentContainer): boolean {
  return container.State === 'running' || container.State === 'paused' || container.State === 'restarting';
}

export function numberOf(container: PresentContainer): number {
  return Number(labelOf(container, label.NUMBER)) || 0;
}

/** The service's containers by their number, without those of `run`. */
export function containersOf(present: Present, service: string): readonly PresentContainer[] {
  return present.containers
    .filter((each) => labelOf(each, label.SERVICE) === service && labelOf(each, label.ONE_OFF) !== 'True')
    .toSorted((a, b) => numberOf(a) - numberOf(b));
}

/** Containers of the project whose service is not in its files. */
export function orphans(present: Present, services: ReadonlySet<string>): readonly PresentContainer[] {
  return present.containers.filter(
    (each) => labelOf(each, label.ONE_OFF) !== 'True' && !services.has(labelOf(each, label.SERVICE)),
  );
}
