/**
 * One test suite for every engine: each operation of `Engine` against float64 references and hand-written
 * values, ownership, and a leak check after every test.
 */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { type Check, Context } from './suite/context.js';
import { convChecks } from './suite/conv.js';
import { edgeChecks } from './suite/edges.js';
import { layerChecks } from './suite/layers.js';
import { memoryChecks } from './suite/memory.js';
import { normalizationChecks } from './suite/normalization.js';
import { optimizerChecks } from './suite/optimizers.js';
import { poolChecks } from './suite/pool.js';
import { shapeChecks } from './suite/shapes.js';
import { trainingChecks } from './suite/training.js';

/** Tests, by title, that an engine does not pass, and why. */
export interface Skip {
  reason: string;
  tests: string[];
}

/** Registers the suite for the engine that `open` gives; it is opened once. */
export function engineSuite(name: string, open: () => Promise<Engine>, skips: Skip[] = []): void {
  describe(`engine ${name}`, () => {
    let engine: Engine;
    let context: Context;
    let before: number;
    const titles = new Set<string>();

    beforeAll(async () => {
      engine = await open();
    });
    beforeEach(() => {
      before = engine.tensorCount();
      context = new Context(engine);
    });
    afterEach(() => {
      context.giveUp();
      expect(engine.tensorCount(), 'tensors alive after the test').toBe(before);
    });

    const check: Check = (title, body) => {
      titles.add(title);
      const skip = skips.find(({ tests }) => tests.includes(title));
      if (skip) test.skip(`${title} (skipped: ${skip.reason})`, () => {});
      else test(title, () => body(context));
    };
    memoryChecks(check);
    convChecks(check);
    layerChecks(check);
    normalizationChecks(check);
    poolChecks(check);
    shapeChecks(check);
    trainingChecks(check);
    optimizerChecks(check);
    edgeChecks(check);

    test('every declared skip names a test of the suite', () => {
      expect(skips.flatMap(({ tests }) => tests).filter((title) => !titles.has(title))).toEqual([]);
    });
    test('info names the library, the device and the threads', () => {
      expect(engine.info.library).toMatch(/\d/);
      expect(engine.info.threads).toBeGreaterThan(0);
      expect(['cpu', 'gpu']).toContain(engine.info.device);
    });
  });
}
