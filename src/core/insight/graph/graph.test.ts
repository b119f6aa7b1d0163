import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { factsOf } from '../doctor/facts.ts';
import { dockerHost } from '../doctor/host.fixture.ts';
import { printDot } from './dot.ts';
import { graphOf, type Graph } from './graph.ts';
import { printMermaid } from './mermaid.ts';
import { printSvg } from './svg.ts';
import { printTree } from './tree.ts';

const GRAPH: Graph = {
  uplinks: [{ link: 'eth0', addresses: ['192.0.2.1/24'], via: '192.0.2.254' }],
  networks: [
    { name: 'bridge', bridge: 'docker0', subnets: ['172.17.0.0/16'], gateways: ['172.17.0.1/16'], internal: false },
    { name: 'net-test', bridge: 'br-4d6c', subnets: ['172.18.0.0/16'], gateways: ['172.18.0.1/16'], internal: false },
    { name: 'inner', bridge: 'br-<&">', subnets: ['10.9.0.0/24'], gateways: [], internal: true },
  ],
  containers: [
    {
      name: 'web',
      places: [
        {
          network: 'net-test',
          address: '172.18.0.2',
          ports: [
            { host: '0.0.0.0:8080/tcp', container: '80' },
            { host: '[::]:8080/tcp', container: '80' },
            { host: '127.0.0.1:9000/tcp', container: '90' },
          ],
        },
        { network: 'inner', address: '10.9.0.2', ports: [] },
      ],
    },
    { name: 'db', places: [{ network: 'inner', address: '10.9.0.3', ports: [] }] },
  ],
  onHost: ['agent'],
  isolated: ['alone'],
};

describe('the picture of a host', () => {
  test.each([
    ['txt', printTree],
    ['mmd', printMermaid],
    ['dot', printDot],
    ['svg', printSvg],
  ])('as %s', async (extension, print) => {
    await expect(print(GRAPH)).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `host.${extension}`));
  });

  test('of nothing is drawn too', () => {
    const nothing: Graph = { uplinks: [], networks: [], containers: [], onHost: [], isolated: [] };
    expect(printTree(nothing)).toBe('host\n');
    for (const print of [printMermaid, printDot, printSvg]) expect(print(nothing)).toContain('outside');
  });

  test('is made from what is known of it, whoever manages it', () => {
    expect(graphOf(factsOf(dockerHost()))).toEqual({
      uplinks: [{ link: 'eth0', addresses: ['192.0.2.1/24'], via: '192.0.2.254' }],
      networks: [
        {
          name: 'tc-infra-base_default',
          bridge: 'br-c43bef5f1b35',
          subnets: ['172.21.0.0/16'],
          gateways: ['172.21.0.1/16'],
          internal: false,
        },
      ],
      containers: [
        {
          name: 'tc-registry',
          places: [
            {
              network: 'tc-infra-base_default',
              address: '172.21.0.2',
              ports: [{ host: '0.0.0.0:5000/tcp', container: '5000' }],
            },
          ],
        },
      ],
      onHost: [],
      isolated: [],
    });
  });
});
