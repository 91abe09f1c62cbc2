import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../../bin/relaybp.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'relaybp-pool-'));
const preload = join(folder, 'threads.cjs');
beforeAll(() =>
  writeFileSync(
    preload,
    `process.on('exit', () => console.log(require('node:fs').readdirSync('/proc/self/task').length));`,
  ),
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Threads of the command line when it ends. */
function threads(size?: string, processors = ''): number {
  const env: NodeJS.ProcessEnv = { ...process.env, UV_THREADPOOL_SIZE: size };
  env.RELAYBP_PROCESSORS = processors;
  if (size === undefined) delete env.UV_THREADPOOL_SIZE;
  const args = ['--require', preload, BIN, '--version'];
  return Number(execFileSync(process.execPath, args, { env, encoding: 'utf8' }).split('\n')[1]);
}

it.skipIf(process.platform !== 'linux')(
  'images are decoded on as many threads as there are processors, as RELAYBP_PROCESSORS says, and as UV_THREADPOOL_SIZE says',
  () => {
    const others = threads('20') - 20;
    expect(threads()).toBe(others + Math.max(4, availableParallelism() + 2));
    expect(threads(undefined, '1')).toBe(others + 4);
    expect(threads('7', '1')).toBe(others + 7);
  },
);
