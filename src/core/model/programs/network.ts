/** Programs that ask what the network is, or send something over it: all their answers are the model's. */
import { parseAddress } from '../../address/address.ts';
import type { Family, Table } from '../../firewall/rule.ts';
import { printLinks, printRoutes } from '../print/ip.ts';
import { printTables } from '../print/texts.ts';
import type { Command, Surroundings } from './surroundings.ts';

/** `ip [-4|-6] address|link|route [show] [[dev] LINK]` */
export const ip: Command = (args, { linux, namespace }, write) => {
  const six = args.includes('-6');
  const [object = 'address', ...words] = args.filter((word) => !word.startsWith('-'));
  const only = words.findLast((word) => !['show', 'list', 'ls', 'dev'].includes(word));
  const is = (name: string): boolean => name.startsWith(object);
  if (is('route')) {
    write(printRoutes(linux(), namespace, six ? 6 : 4));
    return 0;
  }
  if (!is('address') && !is('link')) {
    write(`Object "${object}" is not simulated: address, link and route are\n`, 'stderr');
    return 1;
  }
  const printed = printLinks(linux(), namespace, only, is('address'));
  if (printed === undefined) {
    write(`Device "${only}" does not exist.\n`, 'stderr');
    return 1;
  }
  write(printed);
  return 0;
};

const save =
  (family: Family): Command =>
  (args, { linux, namespace }, write) => {
    const table = args[args.indexOf('-t') + 1];
    const its = linux().namespaces.get(namespace);
    if (its) write(printTables(its, family, args.includes('-t') ? (table as Table) : undefined));
    return 0;
  };

/** `iptables-save [-t TABLE]` */
export const iptablesSave = save('ip');
export const ip6tablesSave = save('ip6');

/** The addresses that a name stands for here; an address stands for itself. */
function resolve(name: string, { etc, lookup }: Surroundings): readonly string[] {
  if (parseAddress(name)) return [name];
  const line = (etc('hosts') ?? '')
    .split('\n')
    .map((text) => text.split(/\s+/))
    .find(([, ...names]) => names.includes(name));
  if (line?.[0]) return [line[0]];
  const known = lookup(name);
  return known ? [...known.ipv4, ...known.ipv6] : [];
}

/** `nslookup NAME` */
export const nslookup: Command = ([name = ''], surroundings, write) => {
  const known = surroundings.lookup(name);
  write('Server:\t\t127.0.0.11\n\n');
  if (!known) {
    write(`** no container here is called ${name}, and the model asks nobody outside\n`, 'stderr');
    return 1;
  }
  for (const address of [...known.ipv4, ...known.ipv6]) write(`Name:\t${name}\nAddress: ${address}\n`);
  return 0;
};

/** `getent hosts NAME` */
export const getent: Command = ([, name = ''], surroundings, write) => {
  const addresses = resolve(name, surroundings);
  for (const address of addresses) write(`${address}\t${name}\n`);
  return addresses.length > 0 ? 0 : 2;
};

const STATUSES = { pass: 0, block: 1, unknown: 2 } as const;

/** Walks a packet to a host by name or address, and tells what becomes of it. */
async function send(
  host: string,
  port: string,
  surroundings: Surroundings,
  write: Parameters<Command>[2],
): Promise<number> {
  const [address] = resolve(host, surroundings);
  if (address === undefined) {
    write(`bad address '${host}': no container here is called so, and the model asks nobody outside\n`, 'stderr');
    return 1;
  }
  const place = port === '' ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const { verdict, reason } = await surroundings.reach(port === '' ? `${place}/icmp` : `${place}/tcp`);
  write(`${verdict.toUpperCase()}: ${place}: ${reason}\n`, verdict === 'pass' ? 'stdout' : 'stderr');
  return STATUSES[verdict];
}

/** `ping HOST`: the last word that is no option. */
export const ping: Command = (args, surroundings, write) =>
  send(args.findLast((word) => !/^-|^\d+$/.test(word)) ?? '', '', surroundings, write);

/** `nc HOST PORT` */
export const nc: Command = (args, surroundings, write) => {
  const [host = '', port = ''] = args.filter((word) => !word.startsWith('-')).slice(-2);
  return send(host, port, surroundings, write);
};

const PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

/** `wget URL`, `curl URL` */
export const fetchUrl: Command = (args, surroundings, write) => {
  const url = args.findLast((word) => /^https?:\/\/|^[\w.-]+(?::\d+)?(?:\/|$)/.test(word) && !word.startsWith('-'));
  const [, scheme = 'http', bracketed, plain = '', port] =
    /^(?:(https?):\/\/)?(?:\[([^\]]+)\]|([^:/]+))(?::(\d+))?/.exec(url ?? '') ?? [];
  return send(bracketed ?? plain, port ?? PORTS[scheme]!, surroundings, write);
};
