import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));
const files = readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => `test/${file.replaceAll('\\', '/')}`);
const imports = (file: string, what: RegExp): boolean =>
  what.test(readFileSync(`${root}${file}`, 'utf8'));

/** Without processes of their own, but whole trainings or every case of something. */
const LONG =
  /^test\/(train\/(stops|gradient-diagnostics)|prepare\/|import\/import|demo\/|relay\/(recompute|finite-differences|layers|early|operation-counts|micro-batches|leaks)|configs\/|engine\/(trials|failing|native|select)|export\/formats|api\/|data\/(augmented-loader|images\/decode|sampling\/class-shares)|check\/)/;

type Project = 'unit' | 'process' | 'browser' | 'docs';

function projectOf(file: string): Project {
  if (file.startsWith('test/docs/')) return 'docs';
  if (imports(file, /support\/(chromium|static-server)\.js/)) return 'browser';
  return LONG.test(file) ||
    imports(file, /support\/cli\.js|launchers\.js|node:(child_process|worker_threads)/)
    ? 'process'
    : 'unit';
}

/**
 * All tests: `vitest run`. By themselves, `vitest run --project unit`: those that need neither processes nor a browser,
 * in seconds; `process`: the program as users run it, and what takes long; `browser`; `docs`: every command in the
 * documents.
 */
export default defineConfig({
  // The examples import the package by its name.
  resolve: { alias: { relaybp: fileURLToPath(new URL('src/index.ts', import.meta.url)) } },
  test: {
    pool: 'forks', // native addons do not load in worker threads
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    coverage: {
      include: ['src/**/*.ts'],
      exclude: ['src/report/page/**'],
      reporter: ['text-summary'],
    },
    projects: (['unit', 'process', 'browser', 'docs'] as const).map((name) => ({
      extends: true as const,
      test: { name, include: files.filter((file) => projectOf(file) === name) },
    })),
  },
});
