import { hostAddress, prefixOf } from '../../src/core/address/prefix.ts';
import { endpointObjects, engineObjects, networkObjects, sandboxObjects } from '../../src/core/drivers/drivers.ts';
import { parseListing } from '../../src/core/firewall/parse.ts';
import { network, OPTIONS, place, SANDBOX } from '../../src/core/firewall/records.fixture.ts';
import type { Backend } from '../../src/core/firewall/layout.ts';
import type { TracePlace } from '../../src/core/insight/trace/place.ts';
import { withReasons } from '../../src/core/insight/trace/reasons.ts';
import { trace } from '../../src/core/insight/trace/trace.ts';
import type { Linux } from '../../src/core/model/linux.ts';
import { linuxFromObjects, type NamespaceFacts } from '../../src/core/model/objects.ts';
import { printNamespace } from '../../src/core/model/print/texts.ts';
import { linuxFromTexts, type NamespaceTexts } from '../../src/core/model/texts.ts';
import { parseAddress } from '../../src/core/address/address.ts';
import type { Desired } from '../../src/core/plan/object.ts';
import { timed, type Work } from '../work.ts';

const NETWORKS = 1000;
const PORTS_EACH = 5;
const FIRST = 10_000;
const LINES = 20_000;
const ROUNDS = 10;

/** A host with that many networks, each with a container that publishes some ports, as its tools print it. */
interface Host {
  readonly desired: readonly Desired[];
  readonly places: readonly TracePlace[];
  readonly texts: ReadonlyMap<string, NamespaceTexts>;
}

function makeHost(backend: Backend): Host {
  const options = { ...OPTIONS, backend };
  const desired: Desired[] = [...engineObjects(options)];
  const places: TracePlace[] = [];
  for (let index = 0; index < NETWORKS; index++) {
    const subnet = `10.${index >> 8}.${index & 255}`;
    const name = `br-${String(index).padStart(12, '0')}`;
    const its = network(name, index, { subnets: [{ subnet: `${subnet}.0/24`, gateway: `${subnet}.1` }] });
    const ports = Array.from({ length: PORTS_EACH }, (_, at) => `${FIRST + index * PORTS_EACH + at}:${1000 + at}`);
    const here = place(`c${index}`, its, `${subnet}.2/24`, ports, { bindingSequence: index });
    const { endpoint, containerName } = here;
    desired.push(
      ...networkObjects(its, options),
      ...sandboxObjects({ ...SANDBOX, id: endpoint.sandboxId }, containerName, [here]),
      ...endpointObjects(here, options),
    );
    const address = hostAddress(endpoint.ipv4);
    places.push({
      name: containerName,
      aliases: [],
      namespace: endpoint.sandboxId,
      addresses: [{ network: name, address }],
    });
  }
  return { desired, places, texts: print(desired, places) };
}

function print(desired: readonly Desired[], places: readonly TracePlace[]): ReadonlyMap<string, NamespaceTexts> {
  const linux = linuxFromObjects(desired, new Map([['host', UPLINK]]));
  const inside = places.map(({ namespace }) => {
    // Who listens is taken for granted.
    const { sockets: _, ...texts } = printNamespace(linux, namespace);
    return [namespace, texts] as const;
  });
  return new Map([['host', printNamespace(linux, 'host')], ...inside]);
}

const [ADDRESS, GATEWAY] = [parseAddress('198.51.100.2')!, parseAddress('198.51.100.1')!];
const ANYWHERE = prefixOf(parseAddress('0.0.0.0')!, 0);

const UPLINK: NamespaceFacts = {
  links: [
    { name: 'lo', type: 'loopback', up: true, mtu: 65_536 },
    { name: 'eth0', type: 'other', up: true, mtu: 1500 },
  ],
  addresses: [{ link: 'eth0', address: ADDRESS, prefix: prefixOf(ADDRESS, 24) }],
  routes: [{ table: 254, type: 'unicast', to: ANYWHERE, via: GATEWAY, link: 'eth0', metric: 0 }],
};

/** As the daemon has it when it is asked: read just now, each of its rules with the reason for it. */
function readModel({ texts, desired }: Host): Linux {
  const { linux, problems } = linuxFromTexts(texts);
  if (problems.length > 0) throw new Error(problems.map(({ part, message }) => `${part}: ${message}`).join('\n'));
  return withReasons(linux, desired);
}

export const insight: Work = {
  name: 'insight',
  about:
    `The last of ${NETWORKS * PORTS_EACH} published ports is traced from the world over ${NETWORKS} networks, ` +
    `each time in a model that was just read; a save of ${LINES} lines is parsed.`,
  quick: false,
  async run(bench) {
    const hosts = (['iptables', 'nftables'] as const).map((name) => ({ name, host: makeHost(name) }));
    const question = { from: 'world', to: `host:${FIRST + NETWORKS * PORTS_EACH - 1}` };
    await bench.rounds(hosts, ROUNDS, async ({ host }, note) => {
      const linux = readModel(host);
      const traced = async (): Promise<void> => {
        const { verdict, reason } = trace(question, linux, host.places);
        if (verdict !== 'pass') throw new Error(`the trace ends in ${verdict}: ${reason}`);
      };
      note(`trace over ${NETWORKS} networks, ${NETWORKS * PORTS_EACH} ports`, 'ms', await timed(traced));
    });
    const [classic] = hosts;
    const text = classic!.host.texts.get('host')!.iptables!.split('\n').slice(0, LINES).join('\n');
    await bench.rounds([classic!], ROUNDS, async (_, note) => {
      const parsed = async (): Promise<void> => void parseListing(text, 'ip');
      note(`parse of a save of ${LINES} lines`, 'ms', await timed(parsed));
    });
  },
};
