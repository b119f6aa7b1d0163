import { hostAddress } from '../../src/core/address/prefix.ts';
import { endpointObjects, engineObjects, networkObjects, sandboxObjects } from '../../src/core/drivers/drivers.ts';
import { parseListing } from '../../src/core/firewall/parse.ts';
import { network, OPTIONS, place, SANDBOX } from '../../src/core/firewall/records.fixture.ts';
import { restoreScripts } from '../../src/core/firewall/restore.ts';
import type { Backend } from '../../src/core/firewall/layout.ts';
import type { TracePlace } from '../../src/core/insight/trace/place.ts';
import { trace } from '../../src/core/insight/trace/trace.ts';
import type { Linux } from '../../src/core/model/linux.ts';
import { linuxFromObjects, type NamespaceFacts } from '../../src/core/model/objects.ts';
import { prefixOf } from '../../src/core/address/prefix.ts';
import { parseAddress } from '../../src/core/address/address.ts';
import type { Desired } from '../../src/core/plan/object.ts';
import { timed, type Work } from '../work.ts';

const NETWORKS = 1000;
const PORTS_EACH = 5;
const FIRST = 10_000;
const LINES = 20_000;
const ROUNDS = 10;

/** A host with that many networks, each with a container that publishes some ports. */
interface Host {
  readonly objects: readonly Desired[];
  readonly places: readonly TracePlace[];
}

function makeHost(backend: Backend): Host {
  const options = { ...OPTIONS, backend };
  const objects: Desired[] = [...engineObjects(options)];
  const places: TracePlace[] = [];
  for (let index = 0; index < NETWORKS; index++) {
    const subnet = `10.${index >> 8}.${index & 255}`;
    const name = `br-${String(index).padStart(12, '0')}`;
    const its = network(name, index, { subnets: [{ subnet: `${subnet}.0/24`, gateway: `${subnet}.1` }] });
    const ports = Array.from({ length: PORTS_EACH }, (_, at) => `${FIRST + index * PORTS_EACH + at}:${1000 + at}`);
    const here = place(`c${index}`, its, `${subnet}.2/24`, ports, { bindingSequence: index });
    const { endpoint, containerName } = here;
    objects.push(
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
  return { objects, places };
}

/** As it was read just now: nothing of it is made ready. */
function readModel({ objects, places }: Host): Linux {
  const [address, via] = [parseAddress('198.51.100.2')!, parseAddress('198.51.100.1')!];
  const to = prefixOf(parseAddress('0.0.0.0')!, 0);
  return linuxFromObjects(
    objects,
    new Map<string, NamespaceFacts>([
      [
        'host',
        {
          links: [
            { name: 'lo', type: 'loopback', up: true, mtu: 65_536 },
            { name: 'eth0', type: 'other', up: true, mtu: 1500 },
          ],
          addresses: [{ link: 'eth0', address, prefix: prefixOf(address, 24) }],
          routes: [{ table: 254, type: 'unicast', to, via, link: 'eth0', metric: 0 }],
        },
      ],
      // Who listens is taken for granted.
      ...places.map(({ namespace }) => [namespace, { unknown: ['sockets'] }] as const),
    ]),
  );
}

/** What iptables-save prints of the host, cut at a table's end or not. */
function save({ objects }: Host): string {
  const steps = objects.flatMap((object) =>
    object.kind === 'rule' || object.kind === 'chain' ? [{ op: 'add', object } as const] : [],
  );
  const text = restoreScripts(steps)
    .filter(({ family }) => family === 'ip')
    .map((script) => script.text)
    .join('');
  return text.split('\n').slice(0, LINES).join('\n');
}

export const insight: Work = {
  name: 'insight',
  about:
    `The last of ${NETWORKS * PORTS_EACH} published ports is traced from the world over ${NETWORKS} networks, ` +
    `each time in a model that was just read; a save of ${LINES} lines is parsed.`,
  quick: true,
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
    const text = save(classic!.host);
    await bench.rounds([classic!], ROUNDS, async (_, note) => {
      const parsed = async (): Promise<void> => void parseListing(text, 'ip');
      note(`parse of a save of ${LINES} lines`, 'ms', await timed(parsed));
    });
  },
};
