import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { OutOfMemoryError } from '../../src/errors.js';
import { planExperiment } from '../../src/experiment/experiment-plan.js';
import { advising, advisingEvaluation } from '../../src/train/out-of-memory.js';
import { SMALL_CONFIG } from '../support/configs.js';

const plan = planExperiment(
  parseConfig(SMALL_CONFIG, 'c.yaml', ['training.batchSize=1024', 'training.microBatch=512']),
);
const engine = {
  info: { name: 'wasm', library: 'x', device: 'cpu', threads: 1, precision: 'float32' },
} as const;
const outOfMemory = async (): Promise<never> => {
  throw new RangeError('Array buffer allocation failed');
};
const problem = async (work: Promise<never>): Promise<OutOfMemoryError> => {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(OutOfMemoryError);
  return error as OutOfMemoryError;
};

describe('where memory runs out', () => {
  it('in a step, training.microBatch is named', async () => {
    const { message, hint } = await problem(advising(plan, engine, outOfMemory));
    expect(message).toMatch(/^Array buffer allocation failed\nmicro-batches of 512 need about /);
    expect(hint).toMatch(/^--set training\.microBatch=256 needs about /);
    expect(hint).not.toContain('evaluation.batchSize');
  });

  it('in an evaluation, evaluation.batchSize is named, and nothing else', async () => {
    const evaluation = () => advisingEvaluation(plan, engine, 4096, outOfMemory);
    const { message, hint } = await problem(advising(plan, engine, evaluation));
    expect(message).toMatch(/the evaluation of 4096 images at a time needs up to /);
    expect(message).not.toContain('micro-batches');
    expect(hint).toMatch(/^--set evaluation\.batchSize=2048(;|$)/);
  });

  it('other errors stay as they are', async () => {
    const odd = new RangeError('something else');
    const work = async (): Promise<never> => {
      throw odd;
    };
    await expect(advising(plan, engine, work)).rejects.toBe(odd);
    await expect(advisingEvaluation(plan, engine, 8, work)).rejects.toBe(odd);
  });
});
