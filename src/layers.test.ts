import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

/** Each layer may import from itself and from those before it. */
const LAYERS = ['core', 'linux', 'containers', 'daemon', 'cli'];
/** The one door through which the command line reaches the daemon's code: `passerelle daemon`. */
const DOOR = 'cli/commands/daemon.ts';

const root = import.meta.dirname;
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (file) => /\.tsx?$/.test(file) && !/\.(test|contract|fixture)\.ts$/.test(file),
);

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)[^'";]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g,
    ),
  ].map((match) => (match[1] ?? match[2] ?? match[3])!);
}

const layerOf = (file: string): string => file.split('/')[0]!;

test('imports point down', () => {
  const wrong = files
    .filter((file) => file.includes('/'))
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith('.'))
        .map((target) => relative(root, resolve(root, dirname(file), target)))
        .filter((target) => {
          const from = layerOf(file);
          const to = layerOf(target);
          if (target.startsWith('..') || (file === DOOR && to === 'daemon')) return false;
          if (from === 'cli') return to !== 'cli' && to !== 'core';
          return LAYERS.indexOf(to) < 0 || LAYERS.indexOf(to) > LAYERS.indexOf(from);
        })
        .map((target) => `${file} imports ${target}`),
    );
  expect(wrong).toEqual([]);
});

test('the core has no platform: it imports itself only, and a few pure libraries', () => {
  const pure = new Set(['yaml']);
  const wrong = files
    .filter((file) => layerOf(file) === 'core')
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => !target.startsWith('.') && !pure.has(target))
        .map((target) => `${file} imports ${target}`),
    );
  expect(wrong).toEqual([]);
});

test('the core has no clock and no chance of its own', () => {
  const wrong = files
    .filter((file) => layerOf(file) === 'core')
    .filter((file) =>
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|\bsetTimeout\(|\bprocess\.(?:env|pid|argv|cwd|nextTick|hrtime|stdout|stderr)\b/.test(
        readFileSync(join(root, file), 'utf8'),
      ),
    );
  expect(wrong).toEqual([]);
});

test('only one file loads foreign functions', () => {
  const wrong = files.filter((file) => importsOf(file).includes('koffi') && file !== 'linux/ffi.ts');
  expect(wrong).toEqual([]);
});
