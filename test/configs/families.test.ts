/**
 * Logits, losses and every gradient of the paper's network families against definitions of their own in PyTorch and
 * float64: scripts/reference-families.py, which names the layers but knows nothing else of the configs.
 *
 * The networks are the real configs with fewer filters and units. The weights were chosen so that the comparison means
 * something in float32: no ReLU and no max pooling is near a point without derivative, and PyTorch's own float32 has
 * every tensor within 2e-5 of the reference. Batch normalization is in training mode, dropout is off.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { decodeSafetensors, type NamedTensor } from '../../src/safetensors.js';
import { onEveryEngine } from '../relay/engines.js';
import { norm, relativeError, runStep, startingWith } from '../relay/harness.js';
import { narrowPlan, type Width } from './narrow.js';

/** |difference| / |reference| of each tensor. */
const TOLERANCE = 1e-4;

/** As in the script. */
const FAMILIES: Record<string, { config: string; width: Width }> = {
  vgg19: family('imagenet-vgg19', 32, 112, 2),
  'vgg19-three-losses': family('imagenet-vgg19-three-losses', 32, 112, 2),
  modelA: family('places2-modelA', 32, 112, 2),
  modelB: family('places2-modelB', 32, 224, 2),
  'resnet50-relay': family('imagenet-resnet50-relay', 32, 128, 4),
  'inception-v3-relay': family('imagenet-inception-v3-relay', 16, 299, 5),
};

function family(config: string, filters: number, size: number, images: number) {
  return { config, width: { filters, units: 256, size, classes: 5, images } };
}

function stored(name: string): Map<string, NamedTensor> {
  const file = new URL(`../fixtures/families/${name}.safetensors`, import.meta.url);
  return decodeSafetensors(readFileSync(fileURLToPath(file)), name);
}

/** Each image: 16x16 blocks of its own in colour, over a texture that repeats every 61 pixels. */
function images({ images: count, size }: Width): Float32Array {
  const parts = stored('images');
  const [coarse, fine] = [parts.get('coarse')!, parts.get('fine')!];
  const [, blocks] = coarse.shape as [number, number];
  const [period] = fine.shape as [number];
  const values = new Float32Array(count * size * size * 3);
  let at = 0;
  for (let n = 0; n < count; n++) {
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const block = ((n * blocks + (y >> 4)) * blocks + (x >> 4)) * 3;
        const texel = ((y % period) * period + (x % period)) * 3;
        for (let c = 0; c < 3; c++) {
          values[at++] = coarse.values[block + c]! + fine.values[texel + c]!;
        }
      }
    }
  }
  return values;
}

onEveryEngine((engine, engineName) => {
  describe.each(Object.entries(FAMILIES))('%s', (name, { config, width }) => {
    const plan = narrowPlan(config, width);
    const reference = stored(name);
    const expected = new Map(
      [...reference].filter(([tensor]) => !/^(batch\.|weight\/)/.test(tensor)),
    );

    test('logits, losses and gradients equal those of PyTorch', () => {
      const found = runStep(plan, engine(), {
        weights: startingWith('weight/', reference),
        batch: {
          images: images(width),
          labels: Int32Array.from(reference.get('batch.labels')!.values),
        },
      });
      const all = new Map<string, ArrayLike<number>>([
        ...[...found.losses].map(([loss, value]) => [`loss/${loss}`, [value]] as const),
        ...[...found.logits].map(([loss, logits]) => [`logits/${loss}`, logits] as const),
        ...[...found.gradients].map(([tensor, values]) => [`gradient/${tensor}`, values] as const),
      ]);
      expect([...all.keys()].sort()).toEqual([...expected.keys()].sort());
      const errors = [...expected].map(([tensor, { values }]) => ({
        tensor,
        error: relativeError(all.get(tensor)!, values),
      }));
      if (process.env.RELAYBP_SHOW_ERRORS) {
        const worst = errors.reduce((a, b) => (a.error >= b.error ? a : b));
        console.log(`${engineName} ${name}: ${worst.error.toExponential(1)} ${worst.tensor}`);
      }
      expect(errors.filter(({ error }) => !(error <= TOLERANCE))).toEqual([]);
    });

    test('every reference value differs from zero, so that none is right by accident', () => {
      const zero = [...expected].filter(([, { values }]) => !(norm(values) > 1e-6));
      expect(zero.map(([tensor]) => tensor)).toEqual([]);
    });
  });
});
