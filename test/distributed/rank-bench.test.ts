/** `relaybp bench --ranks`: what ranks come to together, and how much of what they say to each other is hidden. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { LAUNCHERS, REQUIRED } from './launchers.js';

vi.setConfig({ testTimeout: 240_000 });

test.skipIf(!REQUIRED)('an MPI is installed', () => {
  expect(LAUNCHERS).not.toEqual([]);
});

describe.each(LAUNCHERS.slice(0, 1))('$name', ({ mpirun }) => {
  const cwd = mkdtempSync(join(tmpdir(), 'relaybp-ranks-'));
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG);
  const bench = (...args: string[]) =>
    run(['bench', 'c.yaml', '--engine', 'wasm', '--ranks', '2', ...args], cwd, {
      PATH: [dirname(mpirun), process.env.PATH].join(delimiter),
    });

  test('--json is one object of rank 0', async () => {
    const { code, stdout, stderr } = await bench('--steps', '3', '--warmup', '1', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      ...{ formatVersion: 1, config: 'small', ranks: 2, batchSize: 8, microBatch: 4, steps: 3 },
      engine: { name: 'wasm' },
    });
    const { alone, together, communication, efficiency } = result;
    for (const pace of [alone, result.apart, together]) {
      const { median, min, max } = pace.msPerStep;
      expect(min > 0 && min <= median && median <= max).toBe(true);
    }
    expect(alone.imagesPerSecond).toBeCloseTo(4000 / alone.msPerStep.median, 6);
    expect(together.imagesPerSecond).toBeCloseTo(8000 / together.msPerStep.median, 6);
    expect(efficiency).toBeCloseTo(together.imagesPerSecond / (2 * alone.imagesPerSecond), 6);
    expect(communication.bytes).toBe(4 * 2 ** 20); // one bucket
    expect(communication.msByItself).toBeGreaterThan(0);
    const { msByItself, waitedMs, hidden } = communication;
    expect(hidden).toBeCloseTo(Math.max(0, 1 - waitedMs / msByItself), 6);
  });

  test('to be read; what is not measured is refused once', async () => {
    const { stdout } = await bench('--steps', '1', '--warmup', '0');
    expect(stdout).toMatch(/^2 together +\S+ images per second, \S+ ms per step/m);
    expect(stdout).toMatch(/^waited for others +\S+ ms of a step: \d+ % hidden$/m);
    const refused = await bench('--data', 'config');
    expect(refused.code).toBe(2);
    expect(refused.stderr.match(/error: --data config with several ranks/g)).toHaveLength(1);
  });
});
