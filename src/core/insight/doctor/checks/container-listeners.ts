import { isLoopback, printAddress } from '../../../address/address.ts';
import type { Check } from '../finding.ts';

/** Published ports that nobody in the container answers on, or only to the container itself. */
export const containerListeners: Check = ({ containers }) =>
  containers.flatMap(({ name, address, bindings, inside }) => {
    if (!inside || inside.unknown.has('sockets')) return [];
    const ports = new Map(bindings.map((binding) => [`${binding.containerPort}/${binding.protocol}`, binding]));
    return [...ports.values()].flatMap(({ containerPort, protocol, hostPort }) => {
      const listeners = inside.listeners.filter((its) => its.protocol === protocol && its.port === containerPort);
      const answers = listeners.some((its) => its.address === undefined || printAddress(its.address) === address);
      if (answers) return [];
      const concerns = { containers: [name], ports: [hostPort] };
      const loopback = listeners.find((its) => its.address && isLoopback(its.address));
      if (loopback) {
        const where = `${printAddress(loopback.address!)}:${containerPort}`;
        return [
          {
            severity: 'error' as const,
            what: `In ${name}, port ${containerPort} is bound to loopback only: it answers to ${name} itself, and to nobody who comes by port ${hostPort} of the host.`,
            proof: [`in ${name}: ${protocol} LISTEN ${where}${loopback.process ? ` ${loopback.process}` : ''}`],
            first: `have the program in ${name} listen on 0.0.0.0:${containerPort} instead of ${where}`,
            concerns,
          },
        ];
      }
      return [
        {
          severity: 'error' as const,
          what: `Nobody listens on port ${containerPort}/${protocol} in ${name}, where port ${hostPort} of the host leads: callers are refused.`,
          proof: [
            `in ${name}: ${inside.listeners.map((its) => `${its.protocol} ${its.port}`).join(', ') || 'no listening socket'}`,
          ],
          first: `docker logs ${name}`,
          concerns,
        },
      ];
    });
  });
