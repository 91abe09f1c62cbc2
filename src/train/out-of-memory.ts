import { freemem } from 'node:os';
import { memoryLimits } from '../address-space.js';
import type { Engine } from '../engine/engine.js';
import { ConfigError, OutOfMemoryError } from '../errors.js';
import { type ExperimentPlan, planExperiment } from '../experiment/experiment-plan.js';
import { hungriest } from '../experiment/moment.js';
import { memoryPlan } from '../experiment/step-memory.js';
import { withBatchStatistics } from '../model/network-plan.js';
import { processors } from '../processors.js';
import { sizeText } from '../quantities.js';
import { messageOf } from '../system-error.js';

/** What operations need for themselves, over the activations that the plan counts. */
const WORK_SPACE = 1.5;
/** WebAssembly addresses have 32 bits. */
const WASM_HEAP = 2 ** 32;

/**
 * Runs a training; where memory runs out, says which micro-batch would fit by the plan.
 *
 * @throws OutOfMemoryError in place of the engine's and of JavaScript's own
 */
export async function advising<T>(
  plan: ExperimentPlan,
  engine: Pick<Engine, 'info'>,
  work: () => Promise<T>,
): Promise<T> {
  return advised(work, () => memoryAdvice(plan, roomFor(plan, engine)));
}

/**
 * The same of an evaluation during a training.
 *
 * @param images at a time
 */
export async function advisingEvaluation<T>(
  plan: ExperimentPlan,
  engine: Pick<Engine, 'info'>,
  images: number,
  work: () => Promise<T>,
): Promise<T> {
  return advised(work, () => {
    const room = roomFor(plan, engine);
    const needs = `the evaluation of ${images} images at a time needs up to ${sizeText(images * perImage(plan))} by the plan; there is room for ${sizeText(room)}`;
    const fitting = Math.min(images - 1, Math.floor(room / perImage(plan)));
    const advice =
      fitting > 0
        ? `--set evaluation.batchSize=${2 ** Math.floor(Math.log2(fitting))}`
        : 'use a smaller input or network, stop other programs, or take a machine with more memory';
    return { needs, advice };
  });
}

/** Errors that say already what to do: an evaluation is a part of a training. */
const told = new WeakSet<Error>();

async function advised<T>(
  work: () => Promise<T>,
  advise: () => { needs: string; advice: string },
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!ranOut(error) || told.has(error)) throw error;
    const { needs, advice } = advise();
    const limits = memoryLimits().map(
      ({ name, most }) => `; or raise ${name}, now ${sizeText(most)}`,
    );
    const better = new OutOfMemoryError([messageOf(error), needs], advice + limits.join(''));
    told.add(better);
    throw better;
  }
}

/** Bytes, by the plan, work space included. */
const perImage = (plan: ExperimentPlan): number =>
  (memoryPlan(hungriest(plan)).activations * WORK_SPACE) / plan.microBatch;

function ranOut(error: unknown): error is Error {
  if (error instanceof OutOfMemoryError) return true;
  return error instanceof RangeError && /allocation failed|could not allocate/i.test(error.message);
}

/**
 * @param room bytes that activations can have
 * @returns what the plan's micro-batch needs, and the largest smaller one that fits
 */
export function memoryAdvice(
  plan: ExperimentPlan,
  room: number,
): { needs: string; advice: string } {
  const { microBatch, config } = plan;
  const image = perImage(plan);
  const needs =
    `micro-batches of ${microBatch} need about ${sizeText(microBatch * image)} by the plan, work space included; ` +
    `there is room for ${sizeText(room)}`;
  const fitting = divisors(config.training.batchSize / plan.ranks)
    .filter((images) => images < microBatch && images * image <= room && allows(plan, images))
    .at(-1);
  if (fitting === undefined) {
    return {
      needs,
      advice:
        `no smaller micro-batch fits by the plan (one image: ${sizeText(image)}): use a smaller input or network, ` +
        'stop other programs, or take a machine with more memory',
    };
  }
  const normalized = withBatchStatistics(plan.layers.values()).length > 0;
  return {
    needs,
    advice:
      `--set training.microBatch=${fitting} needs about ${sizeText(fitting * image)}; ` +
      `the batch stays at ${config.training.batchSize} images, added up over micro-batches` +
      (normalized ? ' (batch normalization takes its statistics from a micro-batch)' : ''),
  };
}

/** Batch normalization asks for a least size. */
function allows({ config, ranks }: ExperimentPlan, microBatch: number): boolean {
  try {
    const training = { ...config.training, microBatch };
    planExperiment({ config: { ...config, training }, locate: () => '' }, undefined, ranks);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

function divisors(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);
}

/** After a failed step: weights and the optimizer's state are there, gradients and activations are not. */
function roomFor(plan: ExperimentPlan, engine: Pick<Engine, 'info'>): number {
  const { parameters } = memoryPlan(plan);
  const free = Math.min(freeMemory(), ...memoryLimits().map(({ left }) => left));
  // Less some of each thread's own.
  const room = free - parameters / 3 - processors() * 2 ** 20;
  const heap = engine.info.name === 'wasm' ? WASM_HEAP - parameters : Number.POSITIVE_INFINITY;
  return Math.max(0, Math.min(room, heap));
}

/** What the machine, or the control group, can still give; measured without the limits of this process. */
function freeMemory(): number {
  return process.availableMemory?.() ?? freemem();
}
