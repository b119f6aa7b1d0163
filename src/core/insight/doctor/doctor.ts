/** What is wrong with a host, from facts alone. */
import { bridgeNetfilter } from './checks/bridge-netfilter.ts';
import { containerListeners } from './checks/container-listeners.ts';
import { exhausted } from './checks/exhausted.ts';
import { firewallManagers } from './checks/firewall-managers.ts';
import { forwardDrops } from './checks/forward-drops.ts';
import { forwarding } from './checks/forwarding.ts';
import { goneBridges } from './checks/gone-bridges.ts';
import { missingObjects } from './checks/missing-objects.ts';
import { mtu } from './checks/mtu.ts';
import { names } from './checks/names.ts';
import { noWayOut } from './checks/no-way-out.ts';
import { overlappingRoutes } from './checks/overlapping-routes.ts';
import { publishedPorts } from './checks/published-ports.ts';
import { reversePath } from './checks/reverse-path.ts';
import { secondBaseChain } from './checks/second-base-chain.ts';
import { staleRules } from './checks/stale-rules.ts';
import { takenPorts } from './checks/taken-ports.ts';
import type { Facts } from './facts.ts';
import type { Check, Finding, Severity } from './finding.ts';

/** What keeps everybody from everything stands before what concerns one. */
export const CHECKS: Readonly<Record<string, Check>> = {
  forwarding,
  'forward-drops': forwardDrops,
  'second-base-chain': secondBaseChain,
  'missing-objects': missingObjects,
  'bridge-netfilter': bridgeNetfilter,
  'overlapping-routes': overlappingRoutes,
  'container-listeners': containerListeners,
  'taken-ports': takenPorts,
  names,
  exhausted,
  'stale-rules': staleRules,
  'gone-bridges': goneBridges,
  'reverse-path': reversePath,
  mtu,
  'no-way-out': noWayOut,
  'firewall-managers': firewallManagers,
};

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note'];

/** The worst first. `about`: a container's name or a port of the host; what concerns the whole host is told in any case. */
export function examine(facts: Facts, about?: string): readonly Finding[] {
  const findings = Object.entries(CHECKS).flatMap(([check, look]) =>
    look(facts).map((finding): Finding => ({ check, ...finding })),
  );
  return [...findings, ...unexplained(facts, findings, about)]
    .filter((finding) => about === undefined || isAbout(finding, about, facts))
    .toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}

/** So many published ports are walked to on a host as a whole. */
const WALKS = 50;

/** Ports that are not reached, though no finding says why. */
function unexplained(facts: Facts, findings: readonly Finding[], about: string | undefined): Finding[] {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const containers = facts.containers.filter(({ name, bindings }) => {
    if (errors.some((error) => isAbout(error, name, facts))) return false;
    return about === undefined || about === name || bindings.some(({ hostPort }) => String(hostPort) === about);
  });
  if (containers.reduce((count, { bindings }) => count + bindings.length, 0) > WALKS) return [];
  return publishedPorts({ ...facts, containers }).map((finding) => ({ check: 'published-ports', ...finding }));
}

function isAbout({ concerns }: Finding, about: string, { containers }: Facts): boolean {
  if (!concerns) return true;
  const port = /^\d+$/.test(about) ? Number(about) : undefined;
  const members = containers.filter(
    ({ name, bindings }) =>
      name === about || (port !== undefined && bindings.some(({ hostPort }) => hostPort === port)),
  );
  if (port !== undefined && concerns.ports?.includes(port)) return true;
  if (concerns.containers?.includes(about)) return true;
  return members.some(({ name, network }) =>
    concerns.containers ? concerns.containers.includes(name) : concerns.networks?.includes(network),
  );
}

/** Whether a container or port of that name is known. */
export function isKnown({ containers, engine }: Facts, about: string): boolean {
  return (
    containers.some(
      ({ name, bindings }) => name === about || bindings.some(({ hostPort }) => String(hostPort) === about),
    ) ||
    (engine?.containers.some(
      ({ name, wanted = [] }) => name === about || wanted.some(({ hostPort }) => String(hostPort) === about),
    ) ??
      false)
  );
}
