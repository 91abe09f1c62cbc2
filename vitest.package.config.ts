import { defineConfig } from 'vitest/config';

/** The package as a user has it: `scripts/check-package`. */
export default defineConfig({
  test: {
    include: ['test/package/**/*.package.ts'],
    globalSetup: 'test/package/pack.ts',
    pool: 'forks',
    testTimeout: 600_000, // npm, trainings and a browser on a busy machine
    hookTimeout: 600_000,
    maxWorkers: 2,
  },
});
