import { groupBy } from '../../../plan/group.ts';
import { printAddress } from '../../../address/address.ts';
import type { Listener } from '../../../model/linux.ts';
import type { PortBinding } from '../../../network/endpoint.ts';
import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';

/** What listens for the engines themselves: Docker's proxies, and our daemon. */
const PROXY = /^(docker-proxy|rootlessport|passerelle|node|MainThread|the userland proxy)$/;

/** Published ports that another program listens on, or that are published twice; those that kept a container from its start. */
export const takenPorts: Check = (facts) => {
  const { host, containers } = facts;
  const published = containers.flatMap(({ name, bindings }) => bindings.map((binding) => ({ name, binding })));
  const twice = [...groupBy(published, ({ binding }) => `${place(binding)}/${binding.protocol}`)].filter(
    ([, group]) => new Set(group.map(({ name }) => name)).size > 1,
  );
  return [
    ...twice.map(([where, group]) => ({
      severity: 'error' as const,
      what: `${where} leads to ${group.map(({ name }) => name).join(' and to ')}: the first rule wins, and the others are never reached.`,
      proof: group.map(({ name, binding }) => `${where} -> ${name}:${binding.containerPort}`),
      first: `docker stop ${group.at(-1)!.name}`,
      concerns: { containers: group.map(({ name }) => name), ports: [group[0]!.binding.hostPort] },
    })),
    ...waiting(facts),
    ...published.flatMap(({ name, binding }) => {
      const rival = host.listeners.find((listener) => isRival(listener, binding));
      if (!rival) return [];
      return [
        {
          severity: 'warning' as const,
          what: `${rival.process} listens on port ${binding.hostPort}/${binding.protocol}, which is published for ${name}: packets from outside go to ${name}, those over loopback to ${rival.process}.`,
          proof: [socketProof(rival)],
          first: `ss -lntup 'sport = :${binding.hostPort}'`,
          concerns: { containers: [name], ports: [binding.hostPort] },
        },
      ];
    }),
  ];
};

/** Containers that do not run, and whose port somebody else has. */
function waiting({ host, containers, engine }: Facts): ReturnType<Check> {
  const running = new Set(containers.map(({ name }) => name));
  const idle = engine?.containers.filter(({ name, status }) => !running.has(name) && IDLE.has(status)) ?? [];
  return idle.flatMap(({ name, wanted = [], startFailed }) =>
    wanted.flatMap((binding) => {
      const sibling = containers.find(({ bindings }) => bindings.some((its) => overlap(its, binding)));
      const rival = host.listeners.find((listener) => isRival(listener, binding));
      if (!sibling && !rival) return [];
      const who = sibling?.name ?? rival!.process;
      const end = rival?.pid === undefined ? `ss -lntup 'sport = :${binding.hostPort}'` : `kill ${rival.pid}`;
      return [
        {
          severity: startFailed ? ('error' as const) : ('note' as const),
          what: `${name} ${startFailed ? 'could not be started' : 'cannot be started'}: ${who} has port ${binding.hostPort}/${binding.protocol} of the host, at which it is to be published.`,
          proof: [sibling ? `${place(binding)} -> ${sibling.name}` : socketProof(rival!)],
          first: sibling ? `docker stop ${sibling.name}` : end,
          concerns: { containers: [name], ports: [binding.hostPort] },
        },
      ];
    }),
  );
}

const IDLE: ReadonlySet<string> = new Set(['created', 'exited']);

const socketProof = ({ protocol, address, port, process, pid }: Listener): string =>
  `${protocol} LISTEN ${address ? printAddress(address) : '*'}:${port} ${process}${pid === undefined ? '' : ` (pid ${pid})`}`;

const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';
const versionOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

/** Whether both want the same port of an address. */
function overlap(a: PortBinding, b: PortBinding): boolean {
  return (
    a.protocol === b.protocol &&
    a.hostPort === b.hostPort &&
    versionOf(a.hostAddress) === versionOf(b.hostAddress) &&
    (a.hostAddress === b.hostAddress || isWildcard(a.hostAddress) || isWildcard(b.hostAddress))
  );
}

function isRival({ protocol, port, process, address, version }: Listener, binding: PortBinding): boolean {
  if (protocol !== binding.protocol || port !== binding.hostPort) return false;
  if (process === undefined || PROXY.test(process)) return false;
  if (version !== 'both' && version !== versionOf(binding.hostAddress)) return false;
  return address === undefined || isWildcard(binding.hostAddress) || printAddress(address) === binding.hostAddress;
}

const place = ({ hostAddress, hostPort }: PortBinding): string =>
  hostAddress.includes(':') ? `[${hostAddress}]:${hostPort}` : `${hostAddress}:${hostPort}`;
