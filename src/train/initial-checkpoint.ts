import { statSync } from 'node:fs';
import { channelMean, divisors, type Preprocessing } from '../data/images/preprocessing.js';
import { CheckpointError } from '../errors.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { expectFinite } from '../finite.js';
import type { ParameterPlan } from '../model/layers/layer-plan.js';
import { parametersOf } from '../model/network-plan.js';
import { MOST_BYTES } from '../regular-file.js';
import { readFile } from '../run/changing.js';
import { openCheckpoint } from '../run/checkpoint.js';
import { findCheckpoint } from '../run/run-checkpoints.js';
import { decodeSafetensors, type NamedTensor } from '../safetensors.js';

/** What a training begins with besides the numbers drawn from its seed. */
export interface InitialWeights {
  /** The checkpoint or file that was read. */
  readonly source: string;
  /** Values of parameters that fit in name and shape. */
  readonly values: Map<string, NamedTensor>;
  /** Parameters that the source does not have, or has in another shape: drawn from the seed. */
  readonly fresh: readonly string[];
  /** Tensors of the source that have another shape here. */
  readonly mismatched: readonly {
    name: string;
    there: readonly number[];
    here: readonly number[];
  }[];
  /** Tensors of the source that this network does not have. */
  readonly unused: readonly string[];
  /** Mean and deviation of each channel that the source's images were normalized with; null if it does not say. */
  readonly normalization: { mean: number[]; std: number[] } | null;
  /** Names of its outputs in their order; null if the source does not say. */
  readonly classes: readonly string[] | null;
}

/** What an export keeps beside the weights. */
const NORMALIZATION = 'normalization.';

/**
 * Reads the weights to fine-tune from (`initialCheckpoint`): those whose name and shape are in this network too.
 *
 * @param path a run folder (its best checkpoint), a checkpoint, or a safetensors file with relaybp's names
 * @throws CheckpointError if it cannot be read, nothing of it fits, or what fits is not finite
 */
export function initialWeights(plan: ExperimentPlan, path: string): InitialWeights {
  const { source, tensors, normalization, classes } = read(path);
  const parameters = new Map(
    parametersOf([...plan.layers.values()]).map((parameter) => [parameter.name, parameter]),
  );
  const same = (parameter: ParameterPlan | undefined, tensor: NamedTensor): boolean =>
    parameter?.shape.join() === tensor.shape.join();
  const values = new Map(
    [...tensors].filter(([name, tensor]) => same(parameters.get(name), tensor)),
  );
  expectFinite(values, `initialCheckpoint ${source}`);
  const others = [...tensors].filter(([name]) => !values.has(name));
  const result = {
    source,
    values,
    normalization,
    classes,
    fresh: [...parameters.keys()].filter((name) => !values.has(name)),
    mismatched: others.flatMap(([name, { shape }]) => {
      const parameter = parameters.get(name);
      return parameter ? [{ name, there: shape, here: parameter.shape }] : [];
    }),
    unused: others.flatMap(([name]) => (parameters.has(name) ? [] : [name])),
  };
  if (values.size === 0) throw nothingFits(result);
  return result;
}

/** What was loaded, what is new, what is not used, and how images differ, for people; one line each. */
export function describeInitialWeights(weights: InitialWeights, here: Preprocessing): string[] {
  const { source, values, fresh, mismatched, unused } = weights;
  const other = new Set(mismatched.map(({ name }) => name));
  const missing = fresh.filter((name) => !other.has(name));
  return [
    `initial weights: ${values.size} tensors from ${source}: ${layersOf([...values.keys()])}`,
    ...(missing.length > 0 ? [`new, drawn from the seed: ${layersOf(missing)}`] : []),
    ...mismatched.map(
      ({ name, there, here }) =>
        `new, drawn from the seed: ${name} is [${there.join(', ')}] there and [${here.join(', ')}] here`,
    ),
    ...(unused.length > 0 ? [`not used: ${layersOf(unused)}`] : []),
    ...describeNormalization(weights.normalization, here),
  ];
}

/** Layers that were trained on other numbers see a shifted, scaled image. */
function describeNormalization(
  there: InitialWeights['normalization'],
  here: Preprocessing,
): string[] {
  if (!there) return [];
  const [mean, std] = [channelMean(here), divisors(here)];
  const near = there.mean.every((value, c) => {
    return Math.abs(value - mean[c]!) <= 1 && Math.abs(there.std[c]! / std[c]! - 1) <= 0.02;
  });
  if (near) return [];
  const list = (values: readonly number[]): string =>
    `[${values.map((value) => Number(value.toFixed(3))).join(', ')}]`;
  return [
    `its images were normalized by mean ${list(there.mean)} and std ${list(there.std)}, here they are by ${list(mean)} and ${list(std)}; to keep its numbers set data.mean and data.std to them`,
  ];
}

/** Parameters by layer: a layer's name alone stands for all that the list has of it. */
function layersOf(names: readonly string[]): string {
  return [...new Set(names.map((name) => name.slice(0, name.lastIndexOf('.'))))].join(', ');
}

function read(path: string): {
  source: string;
  tensors: Map<string, NamedTensor>;
  normalization: InitialWeights['normalization'];
  classes: InitialWeights['classes'];
} {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) {
    throw new CheckpointError(
      `initialCheckpoint ${path}: does not exist`,
      'name a run folder, a checkpoint or a safetensors file; paths are relative to where you are',
    );
  }
  if (stat.isDirectory()) {
    const checkpoint = openCheckpoint(findCheckpoint(path, 'best'));
    return {
      source: checkpoint.path,
      tensors: checkpoint.tensors('weights'),
      normalization: numbers(checkpoint.tensors('normalization'), ''),
      classes: checkpoint.state.classes,
    };
  }
  const file = readFile(path, MOST_BYTES);
  const tensors = decodeSafetensors(file, path);
  const weights = [...tensors].filter(([name]) => !name.startsWith(NORMALIZATION));
  return {
    source: path,
    tensors: new Map(weights),
    normalization: numbers(tensors, NORMALIZATION),
    classes: null,
  };
}

function numbers(
  tensors: ReadonlyMap<string, NamedTensor>,
  prefix: string,
): InitialWeights['normalization'] {
  const mean = tensors.get(`${prefix}mean`)?.values;
  const std = tensors.get(`${prefix}std`)?.values;
  if (!mean || !std) return null;
  return { mean: channelMean({ mean: { kind: 'pixel', values: mean } }), std: [...std] };
}

function nothingFits({ source, unused, fresh, mismatched }: InitialWeights): CheckpointError {
  const some = (names: readonly string[]): string => names.slice(0, 5).join(', ') || 'nothing';
  const shapes =
    mismatched.length > 0 ? `; ${mismatched.length} names fit, but not their shapes` : '';
  return new CheckpointError(
    `initialCheckpoint ${source}: none of its tensors fits this network; it has ${some([...unused, ...mismatched.map(({ name }) => name)])}, the network ${some(fresh)}${shapes}`,
    "layers fit by name and shape; weights of torchvision, timm or Caffe go through 'relaybp import' first",
  );
}
