import { type Difference, describeDifference, differences } from '../config/differences.js';
import type { ExperimentConfig } from '../config/experiment-schema.js';
import { dependsOnLength } from '../config/loss-weight.js';
import { asMapping, samplerType } from '../data/sampling/table.js';
import { CheckpointError, ConfigError } from '../errors.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { parametersOf, withBatchStatistics } from '../model/network-plan.js';
import { checkFit } from '../model/parameters.js';
import type { Checkpoint } from '../run/checkpoint.js';

/** What of a config may be another one than the checkpoint's. */
export interface ChangeOptions {
  /** Keys, as `--set` takes them; a key stands for all below it. */
  change?: readonly string[];
  changeAll?: boolean;
  /** The same as `precision` among the keys. */
  changePrecision?: boolean;
}

/** What does not change what is trained, or is there to be changed. */
const FREE = [
  ...['name', 'precision', 'convolution', 'recompute', 'logging', 'diagnostics', 'checkpoint'],
  'evaluation',
  ...['data.root', 'data.maxPixels', 'data.onError', 'initialCheckpoint'],
  ...['data.classes', 'data.classNames'], // compared by name once the images are known
  ...['training.epochs', 'training.steps', 'training.microBatch', 'training.logEvery'],
];

/**
 * What a run goes on with that its checkpoint was not trained with.
 *
 * @param before the config of the checkpoint, with absolute paths
 * @throws CheckpointError naming all that would make it another training, unless that is permitted
 * @throws ConfigError if a permitted key is none of a config
 */
export function acceptedChanges(
  { path, state, tensors }: Checkpoint,
  before: ExperimentConfig,
  plan: ExperimentPlan,
  options: ChangeOptions,
): Difference[] {
  const found = differences(before, plan.config);
  checkKeys(options.change ?? [], [before, plan.config]);
  const refused = found.filter(
    (difference) => !isFree(difference, plan) && !isPermitted(difference.key, options),
  );
  if (refused.length === 0) return found;
  checkFit(parametersOf([...plan.layers.values()]), tensors('weights'));
  const note = (difference: Difference): string => {
    if (isFree(difference, plan)) return ' (needs no permission)';
    return refused.includes(difference) ? '' : ' (permitted)';
  };
  const list = found.map((difference) => `  ${describeDifference(difference)}${note(difference)}`);
  const keys = [...(options.change ?? []), ...refused.map(({ key }) => key)].join(' ');
  throw new CheckpointError(
    [
      `${path}: step ${state.step} was trained with another config; to go on with this one is another training:`,
      ...list,
    ],
    `leave it out to go on as before (--resume alone takes the checkpoint's config), or permit it: --change ${keys}, or --change-all`,
  );
}

/** Whether the run may go on in another precision. */
export const mayChangePrecision = (options: ChangeOptions): boolean =>
  options.changePrecision === true || isPermitted('precision', options);

/** What of a checkpoint is of no use after a change: it begins anew. */
export interface Outdated {
  /** Mean, deviation and colour components. */
  normalization: boolean;
  /** What another type of optimizer keeps. */
  optimizer: boolean;
  /** The best evaluation so far, and what `plateau` remembers: why they are not to be compared with later ones. */
  evaluations: string | null;
}

export function outdatedBy(changes: readonly Difference[]): Outdated {
  const any = (...keys: string[]): boolean =>
    changes.some(({ key }) => keys.some((one) => isWithin(key, one)));
  return {
    normalization: any(
      ...['data.mean', 'data.std', 'data.resize', 'data.crop', 'data.augment.color'],
      ...['data.interpolation', 'data.protocol'],
    ),
    optimizer: changes.some(({ key }) => key === 'optimizer'), // as a whole: its type
    evaluations: any('data.val', 'data.roots.val')
      ? 'it was of other images'
      : any('evaluation.metric')
        ? 'it was by another metric'
        : null,
  };
}

/** A line for each change and for what follows from it, for people. */
export function describeChanges(changes: readonly Difference[]): string[] {
  const outdated = outdatedBy(changes);
  return [
    ...changes.map((change) => {
      const note =
        change.key === 'initialCheckpoint' ? ' (not read: the run has its own weights)' : '';
      return `changed: ${describeDifference(change)}${note}`;
    }),
    ...(outdated.normalization ? ['mean and deviation are those of the new config'] : []),
    ...(outdated.optimizer ? ["the optimizer's state begins anew"] : []),
    ...(outdated.evaluations ? [`the best evaluation begins anew: ${outdated.evaluations}`] : []),
  ];
}

function isPermitted(key: string, { change = [], changeAll }: ChangeOptions): boolean {
  return changeAll === true || change.some((permitted) => isWithin(key, permitted));
}

const isWithin = (key: string, above: string): boolean =>
  key === above || key.startsWith(`${above}.`);

function isFree({ key }: Difference, plan: ExperimentPlan): boolean {
  const { schedule, data, losses } = plan.config;
  if (!FREE.some((free) => isWithin(key, free))) return false;
  switch (key) {
    case 'training.epochs':
    case 'training.steps': {
      const sampler = asMapping(data.sampler);
      const toTheEnd = samplerType(sampler).dependsOnLength?.(sampler);
      const overAll = losses.some(({ weight }) => dependsOnLength(weight));
      return schedule.type !== 'poly' && schedule.type !== 'cosine' && !toTheEnd && !overAll;
    }
    case 'training.microBatch': // the statistics of a normalization are those of a micro-batch
      return withBatchStatistics(plan.layers.values()).length === 0;
    case 'evaluation.every': // counts towards the patience
    case 'evaluation.metric':
      return schedule.type !== 'plateau';
    default:
      return true;
  }
}

/** @throws ConfigError if one of the keys is in none of the configs */
function checkKeys(keys: readonly string[], configs: readonly ExperimentConfig[]): void {
  const unknown = keys.find((key) => !configs.some((config) => has(config, key.split('.'))));
  if (unknown === undefined) return;
  throw new ConfigError(
    `--change ${unknown}: neither the checkpoint's config nor this one has such a key`,
    'keys are written as in --set, for instance training.batchSize or losses.auxiliary.weight',
  );
}

function has(value: unknown, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  const named = Array.isArray(value)
    ? value.find((item) => (item as { name?: unknown } | null)?.name === key)
    : undefined;
  const item: unknown = named ?? (value as Record<string, unknown>)[key];
  return item !== undefined && has(item, rest);
}
