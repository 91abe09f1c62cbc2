import { statSync } from 'node:fs';
import { loadConfig } from '../config/load.js';
import { FEWEST_PROBE_BATCHES } from '../config/probe-batches.js';
import type { ImageIndex } from '../data/index/image-index.js';
import { openEngine } from '../engine/select.js';
import { ConfigError } from '../errors.js';
import { classWeightsOf } from '../experiment/class-factors.js';
import { cacheDir, indexCache } from '../experiment/data-cache.js';
import { beginningTimeline, lengthOf, paceSize } from '../experiment/epochs.js';
import { type ExperimentPlan, planExperiment } from '../experiment/experiment-plan.js';
import { openTrainingImages } from '../experiment/images.js';
import {
  type Normalization,
  normalization,
  readNormalization,
} from '../experiment/input-normalization.js';
import { phaseAt, phaseOf, planAt } from '../experiment/moment.js';
import { checkTrainingData } from '../experiment/run-data.js';
import type { Timeline } from '../experiment/timeline.js';
import { NetworkRuntime } from '../model/network-runtime.js';
import { type Origin, Parameters } from '../model/parameters.js';
import { measureAhead } from '../probe/measure-ahead.js';
import { type SignalSuggestion, suggestionsOf } from '../probe/suggestion.js';
import type { Checkpoint } from '../run/checkpoint.js';
import { chooseCheckpoint } from '../run/choose.js';
import { refuseLinks } from '../run/links.js';
import { runOf } from '../run/run-checkpoints.js';
import { saveSignals } from '../run/run-folder.js';
import type { SignalRow } from '../run/signal-row.js';
import { initialWeights } from '../train/initial-checkpoint.js';
import { resumedTimeline } from '../train/resumed-timeline.js';
import { type CheckpointChoice, DEFAULT_ENGINE, PROBE_DEFAULTS } from './defaults.js';
import { checkClasses } from './going-on.js';
import { type Hooks, indexingTo, listening, STATISTICS } from './hooks.js';
import type { ConfigOptions, EngineOptions } from './options.js';
import { withDefaults } from './options.js';
import { type TrainingConfig, trainingConfig } from './train-config.js';

export interface ProbeCommandOptions extends ConfigOptions, EngineOptions {
  /** Batches to measure over. */
  batches?: number;
  /** Of a run. */
  checkpoint?: CheckpointChoice;
  /** Of a training whose losses change: the number of the phase, from 1; default: that of the next step. */
  phase?: number;
  /** Add what is found of a run to its signals.jsonl, for its report. */
  save?: boolean;
}

export interface ProbeResult extends SignalRow {
  /** The config's name. */
  config: string;
  /** Null where the weights are the initial ones. */
  checkpoint: string | null;
  /** Of a training whose losses change: the phase whose losses these are, in words; else null. */
  phase: string | null;
  /** Of taps and ranges, by rules of thumb; none where one loss is all there is. */
  suggestions: SignalSuggestion[];
}

/** What is measured: a network at a point of its training. */
interface Point {
  plan: ExperimentPlan;
  phase: string | null;
  weights: Origin;
  images: ImageIndex;
  normalized: Normalization;
  timeline: Timeline;
  step: number;
  position: number;
}

/**
 * `relaybp probe`: how far each loss's signal carries, over the batches that training would take next; no weight changes
 * (docs/probe.md).
 *
 * @param target a config, measured at its initial weights, or a run or a checkpoint
 */
export async function probeCommand(
  target: string,
  options: ProbeCommandOptions = {},
  hooks: Hooks = {},
): Promise<ProbeResult> {
  const { batches, checkpoint: which } = withDefaults(options, PROBE_DEFAULTS);
  const { notice, progress } = listening(hooks);
  if (batches < FEWEST_PROBE_BATCHES) {
    throw new ConfigError(
      `--batches ${batches}: intervals need at least ${FEWEST_PROBE_BATCHES}`,
      `give --batches ${PROBE_DEFAULTS.batches}, or leave it out`,
    );
  }
  checkSave(target, options);
  const from = isConfig(target) ? null : chooseCheckpoint(target, which, notice).checkpoint;
  const loaded = from ? configOf(from, options) : loadConfig(target, options.set);
  const { plan, phase, weights, images, normalized, timeline, ...at } = await pointOf(
    loaded,
    from,
    options.phase,
    hooks,
  );
  const { precision, convolution, seed, name } = plan.config;
  const engine = await openEngine(options.engine ?? DEFAULT_ENGINE, {
    precision,
    convolution,
    onNotice: notice,
  });
  const layers = [...plan.layers.values()];
  const parameters = new Parameters(engine, layers, weights);
  try {
    const row = await measureAhead(
      { train: images, normalization: normalized, timeline },
      {
        ...at,
        plan,
        parameters,
        network: new NetworkRuntime(engine, layers, parameters, seed),
        epoch: Number(timeline.epochAt(at.step).toFixed(4)),
        onBatch: (done) => progress({ what: 'batches', done, total: batches }),
      },
      batches,
    );
    if (from && options.save) {
      refuseLinks(runOf(from.path));
      saveSignals(runOf(from.path), row);
    }
    return {
      ...row,
      config: name,
      checkpoint: from?.path ?? null,
      phase,
      suggestions: suggestionsOf(row),
    };
  } finally {
    parameters.dispose();
  }
}

/** @throws ConfigError unless what is measured is the run as it is */
function checkSave(target: string, { save = false, set = [], phase }: ProbeCommandOptions): void {
  if (!save) return;
  if (isConfig(target)) {
    throw new ConfigError(
      `--save: ${target} is a config, and what is saved goes into a run folder`,
      'name a run or a checkpoint, or keep what --json prints',
    );
  }
  if (set.length === 0 && phase === undefined) return;
  throw new ConfigError(
    `--save: with ${phase === undefined ? '--set' : '--phase'} it is not the run as it was trained that is measured`,
    'leave one of the two out, or keep what --json prints',
  );
}

function isConfig(target: string): boolean {
  const found = statSync(target, { throwIfNoEntry: false });
  return found ? !found.isDirectory() : /\.ya?ml$/.test(target);
}

const configOf = (checkpoint: Checkpoint, options: ConfigOptions): TrainingConfig =>
  trainingConfig(undefined, options, {
    run: runOf(checkpoint.path),
    from: { checkpoint, damaged: [] },
  });

/**
 * Where a training of the config begins, or would go on from the checkpoint.
 *
 * @param phase whose losses are measured, with their weights when it begins; default: that of the next step, as they are then
 */
async function pointOf(
  loaded: Pick<TrainingConfig, 'config' | 'locate'>,
  from: Checkpoint | null,
  phase: number | undefined,
  hooks: Hooks,
): Promise<Point> {
  const { notice, progress } = listening(hooks);
  const { config } = loaded;
  const planned = planExperiment(loaded);
  const chosen = phase === undefined ? null : phaseOf(planned, phase);
  const cache = indexCache({ onNotice: notice, onProgress: indexingTo(progress) });
  if (from) checkTrainingData(config, runOf(from.path));
  const begin = config.initialCheckpoint;
  const initial = begin && !from ? initialWeights(planned, begin) : null;
  const trained = from?.state.classes ?? initial?.classes ?? undefined;
  const images = await openTrainingImages(config.data, notice, cache, trained);
  if (from) checkClasses(from, images.classes);
  const whole = { ...planned, classWeights: classWeightsOf(loaded, images) };
  const lossesAt = (timeline: Timeline, next: number): Pick<Point, 'plan' | 'phase'> => {
    const durations = { timeline, length: lengthOf(whole) };
    const step = chosen ? timeline.stepAt(chosen.from) : next;
    const { when = null } = phaseAt(whole, step, durations);
    return { plan: planAt(whole, step, durations), phase: when };
  };
  if (!from) {
    const normalized = await normalization(config.data, images, {
      cacheDir: cacheDir(),
      onNotice: notice,
      onProgress: (done, total) => progress({ what: STATISTICS, done, total }),
    });
    const weights = initial ? { seed: config.seed, given: initial.values } : config.seed;
    const timeline = beginningTimeline(whole, images);
    return {
      ...lossesAt(timeline, 0),
      weights,
      images,
      normalized,
      timeline,
      step: 0,
      position: 0,
    };
  }
  const { step, position } = from.state;
  const timeline = resumedTimeline(from.state, paceSize(whole, images));
  return {
    ...lossesAt(timeline, step),
    weights: from.tensors('weights'),
    images,
    normalized: readNormalization(config.data, from.tensors('normalization'), from.path),
    timeline,
    step,
    position,
  };
}
