/**
 * The article's scene, command by command (`Iptables et réseaux docker`, 2019), but for its packets:
 * networks, a compose project, and the rules that they leave.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HOST_ADDRESS, type Output } from '../stage.ts';
import type { Checklist } from './checklist.ts';
import type { Script } from './script.ts';

/** Where the scene is played. */
export interface Theatre {
  /** A folder for the project. */
  readonly directory: string;
  docker(args: readonly string[]): Promise<Output>;
  compose(args: readonly string[], folder: string): Promise<Output>;
  /** A command in the network of the host. */
  onHost(command: string, args: readonly string[]): Promise<Output>;
  /** Shows a table of iptables to whoever watches. */
  showTable(script: Script, table: 'nat' | 'filter'): Promise<unknown>;
}

interface NetworkInspect {
  Id: string;
  Driver: string;
  Scope: string;
  Attachable: boolean;
  IPAM: { Driver: string; Options: unknown; Config: { Subnet: string; Gateway: string }[] };
  Containers: Record<string, { Name: string; MacAddress: string; IPv4Address: string; IPv6Address: string }>;
  Options: object;
  Labels: Record<string, string>;
}

const COMPOSE_FILE = `version: "3.2"
services:
  tc-registry:
    image: registry:2.7.1
    ports:
      - 5000:5000
`;

/** The fields of the article's `network inspect`, in its order. */
const INSPECT_FIELDS =
  'Name Id Created Scope Driver EnableIPv6 IPAM Internal Attachable Ingress ConfigFrom ConfigOnly Containers Options Labels';

export async function playScene(theatre: Theatre, list: Checklist, script: Script): Promise<void> {
  const { print } = script;
  const docker = (...args: string[]): Promise<string> => script.show(`docker ${args.join(' ')}`, theatre.docker(args));
  const host = (command: string, ...args: string[]): Promise<string> =>
    script.show(`${command} ${args.join(' ')}`, theatre.onHost(command, args));
  const inspect = async (name: string): Promise<NetworkInspect> =>
    (JSON.parse(await docker('network', 'inspect', name)) as NetworkInspect[])[0]!;
  const title = (number: number, text: string): void => script.title(number, text);

  title(1, 'Three networks from the start');
  const listed = await docker('network', 'ls', '--format', 'table {{.Name}}\t{{.Driver}}\t{{.Scope}}');
  list.same(
    'bridge, host and none, each with its driver',
    listed,
    'NAME DRIVER SCOPE\nbridge bridge local\nhost host local\nnone null local',
  );

  title(2, 'What the three drivers do');
  const addresses = ['run', '--rm', '--network'];
  const alone = await docker(...addresses, 'none', 'busybox:1.36', 'ip', 'address');
  list.check('null: only loopback, no address of a network', !/eth|inet (?!127)/.test(alone), alone);
  const shared = await docker(...addresses, 'host', 'busybox:1.36', 'ip', 'address');
  list.check("host: the host's own interfaces", shared.includes('uplink0') && shared.includes(HOST_ADDRESS), shared);
  const bridged = await docker(...addresses, 'bridge', 'busybox:1.36', 'ip', 'route');
  list.check('bridge: the bridge on the host is the gateway', bridged.includes('default via 172.17.0.1'), bridged);

  title(3, 'A network is created');
  const id = await docker('network', 'create', 'net-test');
  list.check('the id has 64 hexadecimal digits', /^[0-9a-f]{64}$/.test(id), id);

  title(4, 'and inspected');
  const created = await inspect('net-test');
  list.check(
    "exactly the article's fields, in its order",
    // Later command lines show EnableIPv4 of themselves.
    Object.keys(created)
      .filter((field) => field !== 'EnableIPv4')
      .join(' ') === INSPECT_FIELDS,
    Object.keys(created).join(' '),
  );
  list.check('driver bridge, scope local', created.Driver === 'bridge' && created.Scope === 'local');
  list.check(
    'IPAM default with options {}, subnet 172.18.0.0/16, gateway 172.18.0.1',
    JSON.stringify(created.IPAM) ===
      '{"Driver":"default","Options":{},"Config":[{"Subnet":"172.18.0.0/16","Gateway":"172.18.0.1"}]}',
    created.IPAM,
  );
  list.check(
    'no containers, options or labels',
    [created.Containers, created.Options, created.Labels].every((value) => JSON.stringify(value) === '{}'),
  );

  title(5, 'Its bridge is on the host');
  const bridge = `br-${id.slice(0, 12)}`;
  const link = await host('ip', 'a', 'show', 'dev', bridge);
  list.check('NO-CARRIER and DOWN: no container yet', link.includes('NO-CARRIER') && link.includes('state DOWN'), link);
  list.check('a MAC from 02:42', /link\/ether 02:42:/.test(link), link);
  list.check(
    'the gateway with its broadcast',
    link.includes('inet 172.18.0.1/16 brd 172.18.255.255 scope global'),
    link,
  );

  title(6, 'A compose project with a published port');
  const project = join(theatre.directory, 'tc-infra-base');
  await mkdir(project);
  await writeFile(join(project, 'docker-compose.yml'), COMPOSE_FILE);
  print(COMPOSE_FILE);
  print('$ docker-compose up -d tc-registry');
  const up = await theatre.compose(['up', '-d', 'tc-registry'], project);
  print(`${up.stdout}${up.stderr}`.trimEnd());
  list.check(
    'the network is created with the default driver',
    up.stderr.includes('Creating network "tc-infra-base_default" with the default driver'),
    up.stderr,
  );
  list.check('the container is created', /Creating tc-infra-base_tc-registry_1 .*done/.test(up.stderr), up.stderr);

  title(7, 'Its network, inspected');
  const composed = await inspect('tc-infra-base_default');
  const [member] = Object.values(composed.Containers);
  list.check('attachable, IPAM options null', composed.Attachable && composed.IPAM.Options === null, composed);
  list.check(
    "compose's labels",
    composed.Labels['com.docker.compose.network'] === 'default' &&
      composed.Labels['com.docker.compose.project'] === 'tc-infra-base',
    composed.Labels,
  );
  list.check(
    'one container, tc-infra-base_tc-registry_1',
    Object.keys(composed.Containers).length === 1 && member?.Name === 'tc-infra-base_tc-registry_1',
  );
  list.check(
    'address 172.19.0.2/16, and the MAC is that address in hexadecimal',
    member?.IPv4Address === '172.19.0.2/16' && member.MacAddress === '02:42:ac:13:00:02' && member.IPv6Address === '',
    member,
  );

  const a = `br-${composed.Id.slice(0, 12)}`;
  title(8, 'The nat table');
  await theatre.showTable(script, 'nat');
  const nat = await host('iptables-save', '-t', 'nat');
  list.same("the article's rules, in the article's order", rules(nat), natRules(a, bridge));

  title(9, 'The filter table');
  await theatre.showTable(script, 'filter');
  const filter = await host('iptables-save', '-t', 'filter');
  list.check('FORWARD drops what nothing accepts', filter.includes(':FORWARD DROP'), filter);
  list.same("the article's rules, in the article's order", rules(filter), filterRules(a, bridge));
}

function rules(save: string): string {
  return save
    .split('\n')
    .filter((line) => line.startsWith('-A'))
    .join('\n');
}

function natRules(a: string, b: string): string {
  return `
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.19.0.0/16 ! -o ${a} -j MASQUERADE
-A POSTROUTING -s 172.18.0.0/16 ! -o ${b} -j MASQUERADE
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 172.19.0.2/32 -d 172.19.0.2/32 -p tcp -m tcp --dport 5000 -j MASQUERADE
-A DOCKER -i ${a} -j RETURN
-A DOCKER -i ${b} -j RETURN
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i ${a} -p tcp -m tcp --dport 5000 -j DNAT --to-destination 172.19.0.2:5000`;
}

function filterRules(a: string, b: string): string {
  const bridges = [a, b, 'docker0'];
  const forward = bridges.map(
    (name) => `
-A FORWARD -o ${name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o ${name} -j DOCKER
-A FORWARD -i ${name} ! -o ${name} -j ACCEPT
-A FORWARD -i ${name} -o ${name} -j ACCEPT`,
  );
  return `
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1${forward.join('')}
-A DOCKER -d 172.19.0.2/32 ! -i ${a} -o ${a} -p tcp -m tcp --dport 5000 -j ACCEPT
${bridges.map((name) => `-A DOCKER-ISOLATION-STAGE-1 -i ${name} ! -o ${name} -j DOCKER-ISOLATION-STAGE-2`).join('\n')}
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
${bridges.map((name) => `-A DOCKER-ISOLATION-STAGE-2 -o ${name} -j DROP`).join('\n')}
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN`;
}
