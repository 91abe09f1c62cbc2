/** Plans of networks written as YAML in a test. */
import { parseConfig } from '../../src/config/load.js';
import { ConfigError } from '../../src/errors.js';
import { type ExperimentPlan, planExperiment } from '../../src/experiment/experiment-plan.js';

export interface Network {
  /** Height and width of the input. */
  size: number;
  classes?: number;
  /** The lists of layers of the segments seg1, seg2, ..., as YAML in flow style. */
  segments: string[];
  /** The lists of losses, as YAML in flow style; one fc layer on the last segment by default. */
  losses?: string[];
  batchSize?: number;
  microBatch?: number;
  /** In flow style. */
  optimizer?: string;
}

export function planOf(network: Network): ExperimentPlan {
  const { size, classes = 2, segments, batchSize = 1, microBatch = batchSize } = network;
  const plain = `{name: primary, after: seg${segments.length}, head: [fc: {units: classes}]}`;
  const text = [
    'version: 1',
    'name: test',
    `data: {root: unused, classes: ${classes}, resize: ${size}, crop: ${size}}`,
    'model:',
    `  input: [${size}, ${size}, 3]`,
    '  segments:',
    ...segments.map((layers, i) => `    - {name: seg${i + 1}, layers: ${layers}}`),
    'losses:',
    ...(network.losses ?? [plain]).map((loss) => `  - ${loss}`),
    `optimizer: ${network.optimizer ?? '{lr: 0.1}'}`,
    `training: {steps: 1, batchSize: ${batchSize}, microBatch: ${microBatch}}`,
  ].join('\n');
  return planExperiment(parseConfig(text, 'test.yaml'));
}

/** The error that planning ends in. */
export function planError(network: Network): ConfigError {
  try {
    planOf(network);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('no ConfigError');
}
