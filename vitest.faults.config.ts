import { defineConfig } from 'vitest/config';

/** The fault-injection suite: `npm run test:faults`; RELAYBP_FAULTS=short for the short form. */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.fault.ts'],
    pool: 'forks',
    testTimeout: 3_600_000, // a test ends when its faults are done; a loaded machine is no failure
    hookTimeout: 600_000,
    maxWorkers: 2,
  },
});
