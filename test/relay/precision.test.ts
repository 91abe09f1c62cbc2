/** Mixed precision: relay gradients of whole networks against those in float32. */
import { expect, test } from 'vitest';
import { locateNative } from '../../src/engine/locate.js';
import { openNativeEngine } from '../../src/engine/native/opening/open.js';
import { openEngine } from '../../src/engine/select.js';
import { batchGradients } from '../../src/train/batch-gradients.js';
import { bf16ProductsProblem } from '../engine/bf16-products.js';
import { fixturePlan, randomBatch, relativeError, startingWith } from './harness.js';

const location = locateNative();
const modes = [
  { products: 'bfloat16', options: { bf16Products: true } },
  { products: 'float32', options: { bf16Products: false } },
  { products: 'bfloat16, portable operations', options: { bf16Products: true, portable: true } },
];

/**
 * A gradient passes some ten layers, each rounding to 2^-9; and where an activation is near zero or two in a window are
 * nearly equal, rounding sends it another way. Small maps, as here, feel that most: a few per cent of all gradients
 * together, more in one parameter whose gradient is a small difference of large sums.
 */
const LARGEST_ERROR = { together: 0.12, parameter: 0.35 };

test
  .runIf(location || process.env.RELAYBP_REQUIRE_NATIVE === '1')
  .for(modes.flatMap((mode) => ['three-loss', 'layers'].map((fixture) => ({ ...mode, fixture }))))(
  'bf16 gradients are those of float32 within its error: $fixture, products in $products',
  async ({ options, fixture }, { skip }) => {
    const problem = options.bf16Products ? await bf16ProductsProblem(location!) : null;
    if (problem !== null) skip(`no convolution in bfloat16 here: ${problem}`);
    const plan = fixturePlan(fixture, 'training.batchSize=8', 'training.microBatch=8');
    const batch = randomBatch(plan, 8);
    const exact = batchGradients(plan, await openEngine('native'), batch, false);
    const engine = await openNativeEngine(location!, { precision: 'bf16', ...options });
    const rounded = batchGradients(plan, engine, batch, false);
    expect(engine.tensorCount()).toBe(0);
    const expected = startingWith('gradient/', exact.tensors);
    const actual = startingWith('gradient/', rounded.tensors);
    for (const [parameter, { values }] of expected) {
      const error = relativeError(actual.get(parameter)!.values, values);
      expect(error, parameter).toBeLessThan(LARGEST_ERROR.parameter);
    }
    const flat = (gradients: typeof expected) =>
      Float32Array.from([...expected.keys()].flatMap((name) => [...gradients.get(name)!.values]));
    const together = relativeError(flat(actual), flat(expected));
    expect(together).toBeLessThan(LARGEST_ERROR.together);
    // Something was rounded: float32 under another name would pass all of the above.
    expect(together).toBeGreaterThan(1e-4);
    for (const [loss, value] of Object.entries(exact.losses)) {
      expect(Math.abs(rounded.losses[loss]! - value)).toBeLessThan(0.02 * value);
    }
  },
);
