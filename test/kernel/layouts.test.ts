/** What every layout of the firewall must do, with real packets: one suite, run on each of them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend, FirewallOptions } from '../../src/core/firewall/layout.ts';
import { network, OPTIONS, place } from '../../src/core/firewall/records.fixture.ts';
import { desired, HOST, HOST6, HOST_2, Lab, type Scene, WORLD, WORLD6 } from './layouts-fixture.ts';
import { bundleWorker } from './worker.ts';

const BACKENDS = ['iptables', 'nftables'] as const satisfies readonly Backend[];

const one = network('one', 2, {
  enableIPv6: true,
  subnets: [
    { subnet: '172.18.0.0/16', gateway: '172.18.0.1' },
    { subnet: 'fd00:1::/64', gateway: 'fd00:1::1' },
  ],
});
const two = network('two', 3, {
  enableIPv6: true,
  subnets: [
    { subnet: '172.19.0.0/16', gateway: '172.19.0.1' },
    { subnet: 'fd00:2::/64', gateway: 'fd00:2::1' },
  ],
});
const inner = network('inner', 4, { internal: true });
const closed = network('closed', 5, { bridge: { icc: false } });
const plain = network('plain', 6, { bridge: { masquerade: false } });
const chosen = network('chosen', 7, { bridge: { hostIpv4: HOST_2 } });
const routed = network('routed', 8, { bridge: { gatewayMode4: 'routed' } });
const bare = network('bare', 9, { bridge: { gatewayMode4: 'nat-unprotected' } });

const dual = (number: number, host: number) =>
  ({
    ipv6: `fd00:${number}::${host}/64`,
    gateway6: `fd00:${number}::1`,
    isGateway6: true,
  }) as const;

const SCENE: Scene = {
  networks: [one, two, inner, closed, plain, chosen, routed, bare],
  places: [
    place(
      'web',
      one,
      '172.18.0.2/16',
      ['8080:80', '8080:80/udp', '[::]:8080:80', `${HOST}:8082:80`, '127.0.0.1:8085:80', '127.0.0.1:8085:80/udp'],
      { ...dual(1, 2), bindingSequence: 1 },
    ),
    place('mate', one, '172.18.0.3/16', [], dual(1, 3)),
    place('stranger', two, '172.19.0.2/16', ['8090:80'], { ...dual(2, 2), bindingSequence: 2 }),
    place('in1', inner, '172.20.0.2/16'),
    place('in2', inner, '172.20.0.3/16'),
    place('shy1', closed, '172.21.0.2/16', ['8083:80'], { bindingSequence: 3 }),
    place('shy2', closed, '172.21.0.3/16'),
    place('own', plain, '172.22.0.2/16'),
    place('chooser', chosen, '172.23.0.2/16'),
    place('free', routed, '172.24.0.2/16', ['0:80'], { bindingSequence: 4 }),
    place('open', bare, '172.25.0.2/16'),
  ],
};
const ROUTES = [...SCENE.networks.map(({ ipam }) => ipam.pools[0]!.subnet), 'fd00:1::/64', 'fd00:2::/64'];
const SAFE: FirewallOptions = { ...OPTIONS, ip6tables: true, allowDirectRouting: false };

let worker: URL;
beforeAll(async () => {
  worker = await bundleWorker();
});

interface Probe {
  readonly what: string;
  readonly from: string;
  readonly to: readonly [address: string, port: number, protocol?: 'tcp' | 'udp'];
  /** The container that answers, and the caller as it sees it. */
  readonly answer: string;
}

/** All at once: what is dropped answers by silence, which takes time. */
async function probe(lab: Lab, probes: readonly Probe[]): Promise<void> {
  const answers = await Promise.all(
    probes.map(async ({ what, from, to: [address, port, protocol = 'tcp'], answer }) => [
      `${what}: ${from} to ${address} ${port} ${protocol}`,
      await lab.call(from, address, port, { protocol, patience: answer === 'nothing' ? 0.6 : 5 }),
      answer,
    ]),
  );
  expect(Object.fromEntries(answers.map(([name, seen]) => [name, seen]))).toEqual(
    Object.fromEntries(answers.map(([name, , wanted]) => [name, wanted])),
  );
}

async function stage(lab: Lab, scene: Scene, options: FirewallOptions): Promise<void> {
  await lab.build(scene, options);
  for (const { containerName, endpoint } of scene.places) {
    lab.serve(containerName, 80);
    if (endpoint.ipv6) lab.serve(containerName, 80, 'tcp', '6');
    if (['web', 'free', 'open'].includes(containerName)) lab.serve(containerName, 81);
  }
  lab.serve('web', 80, 'udp');
  lab.serve('world', 7);
  lab.serve('world', 7, 'tcp', '6');
  await lab.served();
}

describe.each(BACKENDS)('on %s', (backend) => {
  describe('with the userland proxy', () => {
    let lab: Lab;
    const options = { ...SAFE, backend };
    beforeAll(async () => {
      lab = new Lab(`p${backend.slice(0, 1)}`, worker, ROUTES);
      await stage(lab, SCENE, options);
    });
    afterAll(() => lab.close());

    test('published ports answer whoever calls, wherever from', () =>
      probe(lab, [
        { what: 'another machine', from: 'world', to: [HOST, 8080], answer: `web ${WORLD}` },
        { what: 'another machine, UDP', from: 'world', to: [HOST, 8080, 'udp'], answer: `web ${WORLD}` },
        {
          what: 'another machine, IPv6',
          from: 'world',
          to: [HOST6, 8080],
          answer: `web 2001:0db8:0000:0000:0000:0000:0000:0002`,
        },
        { what: 'one address only', from: 'world', to: [HOST, 8082], answer: `web ${WORLD}` },
        { what: 'another address than that', from: 'world', to: [HOST_2, 8082], answer: 'nothing' },
        { what: 'the host', from: 'host', to: [HOST, 8080], answer: `web ${HOST}` },
        { what: 'the host by a bridge', from: 'host', to: ['172.18.0.1', 8080], answer: `web 172.18.0.1` },
        { what: 'loopback', from: 'host', to: ['127.0.0.1', 8080], answer: 'web 172.18.0.1' },
        { what: 'loopback only', from: 'host', to: ['127.0.0.1', 8085], answer: 'web 172.18.0.1' },
        { what: 'a neighbour', from: 'mate', to: [HOST, 8080], answer: 'web 172.18.0.1' },
        { what: 'itself', from: 'web', to: [HOST, 8080], answer: 'web 172.18.0.1' },
        { what: 'another network', from: 'stranger', to: [HOST, 8080], answer: 'web 172.18.0.1' },
        { what: 'another network, the other way', from: 'web', to: [HOST, 8090], answer: 'stranger 172.19.0.1' },
        { what: 'a neighbour where icc is off', from: 'shy2', to: [HOST, 8083], answer: 'shy1 172.21.0.1' },
        { what: 'a port that nobody published', from: 'world', to: [HOST, 81], answer: 'nothing' },
      ]));

    test('networks are isolated, containers of one talk to each other unless icc is off', () =>
      probe(lab, [
        { what: 'one network', from: 'mate', to: ['172.18.0.2', 81], answer: 'web 172.18.0.3' },
        {
          what: 'one network, IPv6',
          from: 'mate',
          to: ['fd00:1::2', 80],
          answer: 'web fd00:0001:0000:0000:0000:0000:0000:0003',
        },
        { what: 'another network', from: 'stranger', to: ['172.18.0.2', 81], answer: 'nothing' },
        { what: 'another network, a published port', from: 'stranger', to: ['172.18.0.2', 80], answer: 'nothing' },
        { what: 'the other way', from: 'web', to: ['172.19.0.2', 80], answer: 'nothing' },
        { what: 'another network, IPv6', from: 'stranger', to: ['fd00:1::2', 80], answer: 'nothing' },
        { what: 'to an unprotected network', from: 'stranger', to: ['172.25.0.2', 81], answer: 'nothing' },
        { what: 'to a routed network', from: 'stranger', to: ['172.24.0.2', 80], answer: 'nothing' },
        { what: 'icc off', from: 'shy2', to: ['172.21.0.2', 80], answer: 'nothing' },
        { what: 'internal', from: 'in1', to: ['172.20.0.3', 80], answer: 'in2 172.20.0.2' },
      ]));

    test('containers leave with the source that their network says', () =>
      probe(lab, [
        { what: 'the host', from: 'mate', to: [WORLD, 7], answer: `world ${HOST}` },
        {
          what: 'the host, IPv6',
          from: 'mate',
          to: [WORLD6, 7],
          answer: 'world 2001:0db8:0000:0000:0000:0000:0000:0001',
        },
        { what: 'icc off', from: 'shy2', to: [WORLD, 7], answer: `world ${HOST}` },
        { what: 'its own', from: 'own', to: [WORLD, 7], answer: 'world 172.22.0.2' },
        { what: 'a chosen one', from: 'chooser', to: [WORLD, 7], answer: `world ${HOST_2}` },
        { what: 'its own, being routed', from: 'free', to: [WORLD, 7], answer: 'world 172.24.0.2' },
        { what: 'unprotected', from: 'open', to: [WORLD, 7], answer: `world ${HOST}` },
      ]));

    test('nothing passes between an internal network and anything else', async () => {
      // A container may give itself routes.
      await lab.run('in1', 'ip', 'route', 'add', 'default', 'via', '172.20.0.1');
      await probe(lab, [
        { what: 'out', from: 'in1', to: [WORLD, 7], answer: 'nothing' },
        { what: 'in', from: 'world', to: ['172.20.0.2', 80], answer: 'nothing' },
        { what: 'to another network', from: 'in1', to: ['172.18.0.2', 80], answer: 'nothing' },
        { what: 'from another network', from: 'web', to: ['172.20.0.2', 80], answer: 'nothing' },
        { what: 'to a published port', from: 'in1', to: [HOST, 8090], answer: 'nothing' },
      ]);
    });

    test('other machines reach container addresses as the gateway mode says', async () => {
      await probe(lab, [
        { what: 'nat', from: 'world', to: ['172.18.0.2', 81], answer: 'nothing' },
        { what: 'nat, a published port', from: 'world', to: ['172.18.0.2', 80], answer: 'nothing' },
        { what: 'nat, IPv6', from: 'world', to: ['fd00:1::2', 80], answer: 'nothing' },
        { what: 'routed', from: 'world', to: ['172.24.0.2', 81], answer: 'nothing' },
        { what: 'routed, a published port', from: 'world', to: ['172.24.0.2', 80], answer: `free ${WORLD}` },
        { what: "routed, the host's port", from: 'world', to: [HOST, 8084], answer: 'nothing' },
        { what: 'unprotected', from: 'world', to: ['172.25.0.2', 81], answer: `open ${WORLD}` },
      ]);
      expect(await Promise.all(['172.24.0.2', '172.18.0.2'].map((address) => lab.ping('world', address)))).toEqual([
        true,
        false,
      ]);
    });

    test('a port on loopback is not reached with a forged destination', async () => {
      await lab.forge('127.0.0.1', 8085);
      await lab.forge(HOST, 8080);
      expect(await lab.flows(8080)).not.toEqual([]);
      expect(await lab.flows(8085)).toEqual([]);
    });

    test("the user's own rules come first and stay", async () => {
      const block =
        backend === 'iptables'
          ? ['iptables', '-I', 'DOCKER-USER', '-s', WORLD, '-j', 'DROP']
          : ['nft', 'insert', 'rule', 'ip', 'passerelle', 'user', 'ip', 'saddr', WORLD, 'drop'];
      await lab.run('host', block[0]!, ...block.slice(1));
      await probe(lab, [{ what: 'blocked', from: 'world', to: [HOST, 8080], answer: 'nothing' }]);
      const more = { ...SCENE, networks: [...SCENE.networks, network('late', 10)] };
      await lab.change(desired(SCENE, options), desired(more, options));
      expect(await lab.repair(desired(more, options))).toEqual([]);
      await lab.change(desired(more, options), desired(SCENE, options));
      await probe(lab, [{ what: 'still blocked', from: 'world', to: [HOST, 8080], answer: 'nothing' }]);
      const [flush = '', ...args] =
        backend === 'iptables'
          ? ['iptables', '-D', ...block.slice(2)]
          : ['nft', 'flush', 'chain', 'ip', 'passerelle', 'user'];
      await lab.run('host', flush, ...args);
      await probe(lab, [{ what: 'open again', from: 'world', to: [HOST, 8080], answer: `web ${WORLD}` }]);
    });

    test('what somebody flushed is put back', async () => {
      const wanted = desired(SCENE, options);
      await lab.run('host', 'nft', 'flush', 'ruleset');
      await probe(lab, [{ what: 'not isolated', from: 'stranger', to: ['172.18.0.2', 80], answer: 'web 172.19.0.2' }]);
      expect(await lab.repair(wanted)).not.toEqual([]);
      await probe(lab, [
        { what: 'back', from: 'world', to: [HOST, 8080], answer: `web ${WORLD}` },
        { what: 'isolated again', from: 'stranger', to: ['172.18.0.2', 80], answer: 'nothing' },
      ]);
      expect(await lab.repair(wanted)).toEqual([]);
    });

    test('the other back end takes over, and nothing of this one is left', async () => {
      const other = backend === 'iptables' ? 'nftables' : 'iptables';
      const wanted = desired(SCENE, { ...options, backend: other });
      await lab.repair(wanted, desired(SCENE, options));
      await probe(lab, [
        { what: 'published', from: 'world', to: [HOST, 8080], answer: `web ${WORLD}` },
        { what: 'isolated', from: 'stranger', to: ['172.18.0.2', 80], answer: 'nothing' },
        { what: 'out', from: 'mate', to: [WORLD, 7], answer: `world ${HOST}` },
      ]);
      expect(await lab.repair(wanted, desired(SCENE, options))).toEqual([]);
      const left =
        other === 'nftables'
          ? (await lab.run('host', 'iptables-save')).split('\n').filter((line) => /^-A|DROP|DOCKER/.test(line))
          : [await lab.run('host', 'nft', 'list', 'tables')].filter((tables) => tables.includes('passerelle'));
      expect(left).toEqual([]);
    });
  });

  describe('without the userland proxy', () => {
    let lab: Lab;
    const options = { ...SAFE, backend, userlandProxy: false };
    beforeAll(async () => {
      lab = new Lab(`n${backend.slice(0, 1)}`, worker, ROUTES);
      await stage(lab, SCENE, options);
    });
    afterAll(() => lab.close());

    test('published ports answer by rules alone', () =>
      probe(lab, [
        { what: 'another machine', from: 'world', to: [HOST, 8080], answer: `web ${WORLD}` },
        { what: 'loopback', from: 'host', to: ['127.0.0.1', 8080], answer: 'web 172.18.0.1' },
        { what: 'loopback only', from: 'host', to: ['127.0.0.1', 8085], answer: 'web 172.18.0.1' },
        { what: 'itself', from: 'web', to: [HOST, 8080], answer: 'web 172.18.0.1' },
      ]));

    test('a neighbour is answered too', async () => {
      expect(await lab.call('mate', HOST, 8080)).toMatch(/^web /);
      expect(await lab.call('host', HOST, 8080)).toMatch(/^web /);
    });

    // Docker's isolates networks from each other's published ports too.
    test('other networks, and neighbours where icc is off, are answered by our own layout', async () => {
      const isOwn = backend === 'nftables';
      expect(await lab.call('stranger', HOST, 8080)).toMatch(isOwn ? /^web / : 'nothing');
      expect(await lab.call('shy2', HOST, 8083)).toMatch(isOwn ? /^shy1 / : 'nothing');
    });

    test('networks are isolated', () =>
      probe(lab, [
        { what: 'another network', from: 'stranger', to: ['172.18.0.2', 80], answer: 'nothing' },
        { what: 'icc off', from: 'shy2', to: ['172.21.0.2', 80], answer: 'nothing' },
      ]));
  });

  test('with direct routing other machines reach published ports by container addresses', async () => {
    const lab = new Lab(`d${backend.slice(0, 1)}`, worker, ROUTES);
    try {
      const scene = { networks: [one], places: SCENE.places.slice(0, 1) };
      await stage(lab, scene, { ...SAFE, backend, allowDirectRouting: true });
      await probe(lab, [
        { what: 'published', from: 'world', to: ['172.18.0.2', 80], answer: `web ${WORLD}` },
        { what: 'not published', from: 'world', to: ['172.18.0.2', 81], answer: 'nothing' },
      ]);
      // This is what the protection of ports on loopback is there for.
      await lab.forge('127.0.0.1', 8085);
      expect(await lab.flows(8085)).not.toEqual([]);
    } finally {
      await lab.close();
    }
  });
});
