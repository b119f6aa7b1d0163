/** Whatever users do in whatever order, and whatever happens meanwhile: records, kernel and processes agree. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { EngineError } from '../network/error.ts';
import { BACKENDS, World } from './world.fixture.ts';

type Run = (world: World) => Promise<unknown>;

/** What is done, with the words for it. What is refused changes nothing, unless it may. */
class Operation {
  readonly words: string;
  readonly run: Run;
  readonly mayChange: boolean;

  constructor(words: string, run: Run, options: { readonly mayChange: boolean } = { mayChange: false }) {
    this.words = words;
    this.run = run;
    this.mayChange = options.mayChange;
  }

  [fc.toStringMethod](): string {
    return this.words;
  }
}

const MAY_CHANGE = { mayChange: true };

// Names are few, so that most operations meet something.

const backend = fc.constantFrom(...BACKENDS);
const NETWORKS = ['front', 'back', 'other'];
const CONTAINERS = ['c1', 'c2', 'c3', 'c4'];
const network = fc.constantFrom(...NETWORKS);
const container = fc.constantFrom(...CONTAINERS);
const mode = fc.constantFrom('default', 'none', 'host', 'container:c1', ...NETWORKS, ...NETWORKS, ...NETWORKS);
const ports = fc.subarray(['8080:80', '8080:81/udp', '9000-9001:90', '80', '127.0.0.1:9001:91', '53:53/sctp']);
const command = fc.constantFrom('serve', 'serve', 'serve', 'stubborn', 'short', 'true', 'false', 'missing');
const restart = fc.constantFrom('no', 'no', 'always', 'unless-stopped', 'on-failure:2');

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({ name: network, internal: fc.boolean(), icc: fc.boolean(), enableIPv6: fc.boolean() })
      .map(({ name, icc, ...wish }) => {
        const options = { 'com.docker.network.bridge.enable_icc': String(icc) };
        const words = `network create ${name} ${JSON.stringify({ icc, ...wish })}`;
        return new Operation(words, (world) => world.network(name, { ...wish, options }));
      }),
  },
  network.map((name) => new Operation(`network rm ${name}`, ({ engine }) => engine.networks.remove(name))),
  fc.constant(new Operation('network prune', ({ engine }) => engine.networks.prune({ labels: [], withoutLabels: [] }))),
  {
    weight: 5,
    arbitrary: fc
      .record({ name: container, network: mode, ports, command, restart, remove: fc.boolean(), start: fc.boolean() })
      .map(({ name, start, ...wish }) => {
        const run: Run = async (world) => {
          const id = await world.create(name, wish);
          if (start) await world.engine.containers.start(id);
        };
        return new Operation(`${start ? 'run' : 'create'} ${name} ${JSON.stringify(wish)}`, run, MAY_CHANGE);
      }),
  },
  {
    weight: 3,
    arbitrary: container.map(
      (name) => new Operation(`start ${name}`, ({ engine }) => engine.containers.start(name), MAY_CHANGE),
    ),
  },
  container.map((name) => {
    const run: Run = (world) => world.during(world.engine.containers.stop(name));
    return new Operation(`stop ${name}`, run);
  }),
  fc
    .tuple(container, fc.constantFrom('KILL', 'TERM', 'HUP'))
    .map(
      ([name, signal]) => new Operation(`kill ${name} ${signal}`, ({ engine }) => engine.containers.kill(name, signal)),
    ),
  container.map((name) => {
    const run: Run = (world) => world.during(world.engine.containers.restart(name, { seconds: 1 }));
    return new Operation(`restart ${name}`, run, MAY_CHANGE);
  }),
  container.map((name) => new Operation(`pause ${name}`, ({ engine }) => engine.containers.pause(name))),
  container.map((name) => new Operation(`unpause ${name}`, ({ engine }) => engine.containers.unpause(name))),
  fc.tuple(container, fc.boolean()).map(([name, force]) => {
    const run: Run = ({ engine }) => engine.containers.remove(name, { force, volumes: true });
    return new Operation(`rm ${force ? '-f ' : ''}${name}`, run);
  }),
  fc
    .tuple(container, container)
    .map(
      ([name, next]) => new Operation(`rename ${name} ${next}`, ({ engine }) => engine.containers.rename(name, next)),
    ),
  {
    weight: 4,
    arbitrary: fc.tuple(network, container, fc.integer({ min: 0, max: 2 })).map(([name, its, gatewayPriority]) => {
      const run: Run = ({ engine }) => engine.networks.connect(name, its, { gatewayPriority });
      return new Operation(`network connect ${name} ${its} priority ${gatewayPriority}`, run);
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(network, container)
      .map(
        ([name, its]) =>
          new Operation(`network disconnect ${name} ${its}`, ({ engine }) => engine.networks.disconnect(name, its)),
      ),
  },
  fc.tuple(container, fc.integer({ min: 0, max: 2 })).map(([name, exitCode]) => {
    const run: Run = async (world) => {
      const { id, state } = world.engine.containers.get(name).container;
      if (state.pid) world.runtime.end(id, exitCode);
    };
    return new Operation(`the process of ${name} ends with ${exitCode}`, run, MAY_CHANGE);
  }),
  fc
    .integer({ min: 50, max: 20_000 })
    .map((time) => new Operation(`${time} ms pass`, (world) => world.pass(time), MAY_CHANGE)),
  fc.constantFrom('nat' as const, 'filter' as const).map((table) => {
    const run: Run = async (world) => {
      world.kernel.flush('ip', table);
      await world.pass(6000);
    };
    return new Operation(`iptables -t ${table} -F`, run, MAY_CHANGE);
  }),
  fc.constant(new Operation('the engine restarts', (world) => world.restart(), MAY_CHANGE)),
);

/** Of a test (ms): on a machine that does much else besides. */
const PATIENCE = 60_000;

/** What is refused is refused in the engine's words. */
function expectRefusal(error: unknown): void {
  expect(error).toBeInstanceOf(EngineError);
  expect((error as EngineError).code).not.toBe('');
}

const withHistory = (done: readonly string[], error: unknown): Error =>
  new Error(`after\n${done.join('\n')}\n${String(error)}`, { cause: error });

test(
  'one operation after the other',
  async () => {
    const operations = fc.array(operation, { minLength: 5, maxLength: 25, size: 'max' });
    await fc.assert(
      fc.asyncProperty(operations, backend, async (all, its) => {
        const world = await World.start((next) => next.useBackend(its));
        const done: string[] = [];
        for (const { words, run, mayChange } of all) {
          const before = mayChange ? undefined : await world.state();
          const [result] = await Promise.allSettled([run(world)]);
          await world.settle();
          done.push(result.status === 'rejected' ? `${words}: ${String(result.reason)}` : words);
          try {
            if (result.status === 'rejected') {
              expectRefusal(result.reason);
              if (before) expect(await world.state()).toEqual(before);
            }
            await world.expectSound();
          } catch (error) {
            throw withHistory(done, error);
          }
        }
        await world.engine.close();
      }),
      { numRuns: 25 },
    );
  },
  PATIENCE,
);

test(
  'several operations at once',
  async () => {
    const together = operation.filter(({ words }) => words !== 'the engine restarts');
    const groups = fc.array(fc.array(together, { minLength: 2, maxLength: 5 }), { minLength: 3, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(groups, backend, async (all, its) => {
        const world = await World.start((next) => next.useBackend(its));
        const done: string[] = [];
        for (const group of all) {
          const results = await world.during(Promise.allSettled(group.map(({ run }) => run(world))));
          await world.settle();
          done.push(group.map(({ words }) => words).join(' | '));
          try {
            for (const result of results) if (result.status === 'rejected') expectRefusal(result.reason);
            await world.pass(6000);
            await world.expectSound();
          } catch (error) {
            throw withHistory(done, error);
          }
        }
        await world.engine.close();
      }),
      { numRuns: 25 },
    );
  },
  PATIENCE,
);
