import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkContainerName } from '../network/name.ts';
import { generatedName } from './name.ts';

const chance = fc.integer({ min: 0, max: 2 ** 32 - 1 });

test('every name is one that a container may have', () => {
  fc.assert(
    fc.property(chance, fc.nat(20), (bits, attempt) => {
      const name = generatedName(bits, attempt);
      expect(name).toMatch(/^[a-z]+_[a-z]+\d*$/);
      expect(checkContainerName(name)).toBe(name);
    }),
  );
});

test('each further attempt gives another name', () => {
  fc.assert(
    fc.property(chance, (bits) => {
      const names = Array.from({ length: 30 }, (_, attempt) => generatedName(bits, attempt));
      expect(new Set(names).size).toBe(30);
    }),
  );
});
