import { createColors } from 'picocolors';
import { describe, expect, it } from 'vitest';
import { type LoadedConfig, parseConfig } from '../../src/config/load.js';
import { ConfigError } from '../../src/errors.js';
import {
  checkClassWeights,
  classWeightsOf,
  describeClassWeights,
} from '../../src/experiment/class-factors.js';
import { planExperiment } from '../../src/experiment/experiment-plan.js';
import { planTable } from '../../src/plan/plan-table.js';
import { weightedTargets } from '../../src/relay/class-weights.js';
import { indexWith } from '../data/indexes.js';
import { SMALL_CONFIG } from '../support/configs.js';

const load = (...overrides: string[]): LoadedConfig =>
  parseConfig(SMALL_CONFIG, 'c.yaml', overrides);
/** Six images of cat, three of dog, one of caf\u00e9, none of emu. */
const images = { ...indexWith([6, 3, 1, 0]), classes: ['cat', 'dog', 'caf\u00e9', 'emu'] };
const shuffle = 'data.sampler=shuffle';

describe('the weights of classes', () => {
  it('balanced: as scikit-learn computes them, over the classes that have images', () => {
    const loaded = load(shuffle, 'losses.auxiliary.classWeights=balanced');
    const weights = classWeightsOf(loaded, images);
    expect([...weights.keys()]).toEqual(['auxiliary']);
    // n / (classes * bincount): 10 / (3 * [6, 3, 1])
    expect([...weights.get('auxiliary')!]).toEqual([10 / 18, 10 / 9, 10 / 3, 1]);
    expect(describeClassWeights(weights, loaded.config.losses, images.classes)).toEqual([
      'class weights of auxiliary: balanced, 0.556 (cat) to 3.33 (caf\u00e9)',
    ]);
  });

  it('given by name, in whatever Unicode form; others weigh 1', () => {
    const loaded = load('losses.primary.classWeights={"cafe\u0301": 4, emu: 0.5}');
    const weights = classWeightsOf(loaded, images);
    expect([...weights.get('primary')!]).toEqual([1, 1, 4, 0.5]);
    expect(describeClassWeights(weights, loaded.config.losses, images.classes)).toEqual([
      'class weights of primary: 0.5 (emu) to 4 (caf\u00e9)',
    ]);
  });

  it('names a class that there is not, with one that may be meant', () => {
    const wrong =
      (...overrides: string[]) =>
      () =>
        classWeightsOf(load(...overrides), images);
    expect(wrong('losses.primary.classWeights={dgo: 4}')).toThrow(ConfigError);
    expect(wrong('losses.primary.classWeights={dgo: 4}')).toThrow(
      /--set .*: losses\[0\]\.classWeights: the training images have no class "dgo"; did you mean "dog"\?/,
    );
  });

  it('balanced is refused where the sampler balances already', () => {
    for (const sampler of [
      'class-aware',
      '{kind: power, q: 0.5}',
      '{kind: repeat-factor, threshold: 0.1}',
    ]) {
      const loaded = load(`data.sampler=${sampler}`, 'losses.primary.classWeights=balanced');
      expect(() => checkClassWeights(loaded)).toThrow(ConfigError);
      expect(() => planExperiment(loaded)).toThrow(
        /losses\[0\]\.classWeights: balanced .* data\.sampler (class-aware|power|repeat-factor) .* twice over/,
      );
    }
    expect(() => checkClassWeights(load('losses.primary.classWeights={cat: 2}'))).not.toThrow();
    const sequential = load('data.sampler=sequential', 'losses.primary.classWeights=balanced');
    expect(() => checkClassWeights(sequential)).not.toThrow();
  });

  it.each(['{cat: 0}', '{cat: -1}', '{cat: many}', '{}', '3', 'even'])('%s is refused', (text) => {
    expect(() => load(`losses.primary.classWeights=${text}`)).toThrow(
      /losses(\[0\]|\.primary)\.classWeights/,
    );
  });

  it('are told by the plan', () => {
    const table = (...overrides: string[]) =>
      planTable(planExperiment(load(shuffle, ...overrides)), createColors(false));
    expect(
      table(
        'losses.primary.classWeights=balanced',
        'losses.auxiliary.classWeights={a: 2, b: 3, c: 4, d: 5}',
      ),
    ).toContain('\nclass weights              primary balanced; auxiliary a 2, b 3, c 4, …\n');
    expect(table()).not.toContain('class weights');
  });
});

describe('what a loss with class weights aims at', () => {
  const weights = Float64Array.of(2, 1, 4);

  it('labels: each row counts as its class does, one that does not count not at all', () => {
    const labels = Int32Array.of(2, -1, 0);
    const { targets, factors } = weightedTargets(labels, weights);
    expect(targets).toBe(labels);
    expect([...factors]).toEqual([4, 0, 2]);
  });

  it('shares: weighted, and scaled back to a sum of 1', () => {
    const shares = Float32Array.of(0.5, 0.5, 0, 0, 0, 0, 0.25, 0.5, 0.25);
    const { targets, factors } = weightedTargets(shares, weights);
    expect([...factors]).toEqual([1.5, 0, 2]);
    const expected = [2 / 3, 1 / 3, 0, 0, 0, 0, 0.25, 0.25, 0.5];
    for (const [i, share] of targets.entries()) expect(share).toBeCloseTo(expected[i]!, 7);
  });
});
