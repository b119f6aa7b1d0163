import { defineConfig } from 'vitest/config';

// Unit tests stand beside their file; what needs a kernel, a daemon or a peer stands under test/.
export default defineConfig({
  test: {
    projects: [
      // Durable writes wait for the disk.
      { test: { name: 'unit', include: ['src/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          pool: 'forks',
          // Time-outs of real clients on a loaded machine get a second chance.
          retry: 1,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          // All the random sequences beside dockerd; some are among the comparisons of `peer` too.
          name: 'sequences',
          include: ['test/peer/sequences.test.ts'],
          pool: 'forks',
          testTimeout: 3_600_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'walk',
          include: ['test/walk/**/*.test.ts'],
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'peer',
          include: ['test/peer/**/*.test.ts'],
          exclude: ['test/peer/sequences.test.ts'],
          pool: 'forks',
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
