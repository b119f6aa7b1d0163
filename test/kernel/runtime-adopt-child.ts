/** An engine that is to be killed: starts containers in the place that it is given, tells so, and waits. */
import type { ContainerRecord } from '../../src/core/container/container.ts';
import { openRuntime, type Place } from './runtime-fixture.ts';

const { place, containers } = JSON.parse(process.argv[2] ?? '') as {
  place: Place;
  containers: readonly { container: ContainerRecord; start: boolean }[];
};

const runtime = openRuntime(place);
for (const { container, start } of containers) {
  await runtime.prepare(container);
  await runtime.create({ container, networkNamespace: null });
  if (start) await runtime.start(container.id);
}
process.stdout.write('ready\n');
setInterval(() => {}, 1000);
