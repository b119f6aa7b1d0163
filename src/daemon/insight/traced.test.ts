import { expect, test } from 'vitest';
import { startEngine } from '../../core/engine/start.ts';
import { containerRequest, networkRequest, SETTINGS } from '../../core/engine/world.fixture.ts';
import { traceSnapshot } from '../../core/insight/snapshot/trace.ts';
import { ManualClock } from '../../core/model/clock.ts';
import { printNamespace } from '../../core/model/print/texts.ts';
import { Simulation } from '../../core/model/simulation.ts';
import { HostSnapshots } from './snapshots.ts';
import { traceGrowing } from './traced.ts';

async function scene() {
  const clock = new ManualClock();
  const simulation = new Simulation(clock, { hostname: 'machine', architecture: 'amd64' });
  for await (const _ of simulation.images.pull('busybox'));
  const log = { info: () => undefined, warn: () => undefined };
  const engine = await startEngine({ ...simulation.ports, log }, SETTINGS, (names) => simulation.connect(names));
  const names = new Map<string, string>();
  for (const [index, network] of ['one', 'two', 'three'].entries()) {
    await engine.networks.create(networkRequest(network));
    for (const member of ['a', 'b']) {
      const name = `${network}-${member}`;
      const ports = member === 'a' ? [`${8001 + index}:80`] : [];
      const { id } = await engine.containers.create(containerRequest(name, { network, ports }));
      await engine.containers.start(id);
      names.set(engine.containers.list().find(({ container }) => container.id === id)!.sandbox!.id, name);
    }
  }
  const lookedInto: string[] = [];
  const snapshots = new HostSnapshots({
    engine,
    settings: SETTINGS,
    version: '',
    clock,
    names: engine.directory,
    gather: async (sandbox = 'host') => {
      lookedInto.push(names.get(sandbox) ?? sandbox);
      return { texts: printNamespace(simulation.linux(), sandbox), problems: [] };
    },
  });
  return { engine, snapshots, lookedInto };
}

test('of the sandboxes only those are looked into that a packet may have to do with, and its trace is the same', async () => {
  const { engine, snapshots, lookedInto } = await scene();
  const full = await snapshots.take();
  expect(lookedInto.toSorted()).toEqual(['host', 'one-a', 'one-b', 'three-a', 'three-b', 'two-a', 'two-b']);
  const address = engine.containers.get('two-b').endpoints[0]!.endpoint.ipv4.split('/')[0]!;
  for (const [from, to, met] of [
    ['world', 'host:8001', 'one'],
    ['world', 'host:8003', 'three'],
    ['world', 'host:7', ''],
    ['host', `${address}:80`, 'two'],
    ['one-a', 'one-b:80', 'one'],
    ['one-a', 'two-b:80', 'one|two'],
    ['one-a', `${address}/icmp`, 'one|two'],
    ['three-b', 'host:8003', 'three'],
    ['three-b', 'host:8001', 'one|three'],
    ['one-b', '203.0.113.7:443', 'one'],
  ] as const) {
    lookedInto.length = 0;
    const question = { from, to };
    const { trace } = await traceGrowing(snapshots, question, (snapshot) => traceSnapshot(snapshot, question));
    expect(trace, `${from} ${to}`).toEqual(traceSnapshot(full, question));
    expect(new Set(lookedInto).size).toBe(lookedInto.length);
    for (const name of lookedInto) expect(name).toMatch(new RegExp(`^(host|(${met || '-'})-[ab])$`));
  }
});
