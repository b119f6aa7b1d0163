/** The article's scene, played by each docker command line that is installed, and by our own. */
import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Checklist } from '../../scripts/demo/checklist.ts';
import { loadImages } from '../../scripts/demo/images.ts';
import { playOnKernel } from '../../scripts/demo/kernel.ts';
import { Stage } from '../../scripts/stage.ts';

const found = execFileSync('which', ['-a', 'docker'], { encoding: 'utf8' }).trim().split('\n');
const clients = [...new Set(found.map((path) => realpathSync(path)))];
const versionOf = (client: string): string => execFileSync(client, ['--version'], { encoding: 'utf8' }).trim();

describe.each(clients.map((client) => [versionOf(client), client] as const))('%s', (_, client) => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.set('passerelle-scene');
    stage.client = client;
    await stage.startDaemon();
    await loadImages(stage, { offline: true }, () => undefined);
  });

  afterAll(() => stage.close());

  test('sees all of it', async () => {
    const lines: string[] = [];
    const list = new Checklist((line) => lines.push(line));
    await playOnKernel(stage, list, (line) => lines.push(line));
    expect(list.failed, lines.filter((line) => line.includes('\u2717')).join('\n')).toBe(0);
    expect(list.passed).toBeGreaterThan(25);
  });
});
