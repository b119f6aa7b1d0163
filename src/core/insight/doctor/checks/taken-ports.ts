import { groupBy } from '../../../plan/group.ts';
import { printAddress } from '../../../address/address.ts';
import type { Listener } from '../../../model/linux.ts';
import type { PortBinding } from '../../../network/endpoint.ts';
import type { Check } from '../finding.ts';

/** What listens for the engines themselves: Docker's proxies, and our daemon. */
const PROXY = /^(docker-proxy|rootlessport|passerelle|node|MainThread|the userland proxy)$/;

/** Published ports that another program listens on, or that are published twice. */
export const takenPorts: Check = ({ host, containers }) => {
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
    ...published.flatMap(({ name, binding }) => {
      const rival = host.listeners.find((listener) => isRival(listener, binding));
      if (!rival) return [];
      return [
        {
          severity: 'warning' as const,
          what: `${rival.process} listens on port ${binding.hostPort}/${binding.protocol}, which is published for ${name}: packets from outside go to ${name}, those over loopback to ${rival.process}.`,
          proof: [
            `${binding.protocol} LISTEN ${rival.address ? printAddress(rival.address) : '*'}:${rival.port} ${rival.process}`,
          ],
          first: `ss -lntup 'sport = :${binding.hostPort}'`,
          concerns: { containers: [name], ports: [binding.hostPort] },
        },
      ];
    }),
  ];
};

function isRival({ protocol, port, process, address }: Listener, binding: PortBinding): boolean {
  if (protocol !== binding.protocol || port !== binding.hostPort) return false;
  if (process === undefined || PROXY.test(process)) return false;
  const isEverywhere = address === undefined || /^(0\.0\.0\.0|::)$/.test(binding.hostAddress);
  return isEverywhere || printAddress(address) === binding.hostAddress;
}

const place = ({ hostAddress, hostPort }: PortBinding): string =>
  hostAddress.includes(':') ? `[${hostAddress}]:${hostPort}` : `${hostAddress}:${hostPort}`;
