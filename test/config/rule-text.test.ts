import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { ConfigError } from '../../src/errors.js';
import { SMALL_CONFIG } from '../support/configs.js';

function rule(override: string): string {
  try {
    parseConfig(SMALL_CONFIG, 'c.yaml', [override]);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.replace(`--set ${override}: `, '');
  }
  throw new Error(`${override} was accepted`);
}

describe('the rule that a value breaks, in plain words', () => {
  it.each([
    ['optimizer.lr=0', 'optimizer.lr: 0: must be greater than 0'],
    ['optimizer.lr=.inf', 'optimizer.lr: Infinity: must be a number'],
    ['optimizer.momentum=1', 'optimizer.momentum: 1: must be less than 1'],
    ['optimizer.momentum=-1', 'optimizer.momentum: -1: must be at least 0'],
    [
      'data.augment.randomErasing={probability: 2}',
      'data.augment.randomErasing.probability: 2: must be at most 1',
    ],
    ['training.batchSize=2.5', 'training.batchSize: 2.5: must be a whole number'],
    ['data.root=3', 'data.root: 3: must be text; in quotes: "3"'],
    ['data.root=""', 'data.root: "": must not be empty'],
    ['logging.tensorboard=1', 'logging.tensorboard: 1: must be true or false'],
    ['losses=3', 'losses: 3: must be a list'],
    ['training=3', 'training: 3: must be a mapping (keys with values)'],
    ['model.segments=[]', 'model.segments: []: must have at least 1 item'],
    [
      'optimizer={type: adamw, lr: 1, betas: [0.9]}',
      'optimizer.betas: [0.9]: must have at least 2 items',
    ],
    ['data.onError.policy=ignore', 'data.onError.policy: "ignore": must be skip or fail'],
    ['model.input=[16, 16, 1]', 'model.input[2]: 1: must be 3'],
    [
      'schedule.type=cosin',
      'schedule.type: "cosin": must be constant, step, multistep, plateau, poly or cosine',
    ],
    [
      'schedule={every: 3}',
      'schedule.type: missing: must be constant, step, multistep, plateau, poly or cosine',
    ],
  ])('%s', (override, message) => {
    expect(rule(override)).toBe(message);
  });
});
