import { existsSync } from 'node:fs';
import { basename, isAbsolute, join, relative } from 'node:path';
import type { ExperimentConfig } from '../config/experiment-schema.js';
import { type LoadedConfig, loadSavedConfig } from '../config/load.js';
import { CheckpointError } from '../errors.js';
import { planExperiment } from '../experiment/experiment-plan.js';
import { lossNames } from '../experiment/moment.js';
import { flatten } from '../model/network-plan.js';
import { totals } from '../plan/cost.js';
import { augmentationText, samplerText } from '../plan/drawing.js';
import { scheduleText } from '../plan/schedule-text.js';
import { readRegular } from '../regular-file.js';
import { openCheckpoint } from '../run/checkpoint.js';
import { hasRemovedWeights } from '../run/removed-weights.js';
import { findCheckpoint } from '../run/run-checkpoints.js';
import { RESULTS } from '../run/run-folder.js';
import { readRunState } from '../run/run-state.js';
import { findSessions } from '../run/sessions.js';
import { methodOf, networkFigure } from './network-figure.js';
import type { RunReport } from './page-data.js';
import { picturesInPlace } from './picture-place.js';
import { readResults } from './results-file.js';
import { damagedText, runRows } from './run-rows.js';
import { type Picture, validationReport } from './validation-images.js';

/** Images in each gallery unless asked otherwise. */
export const GALLERY = 24;

export interface RunSource {
  folder: string;
  /** False: found in a folder of runs, so that the page does without it where it cannot be read. */
  named?: boolean;
  /** Per-image results to show instead of the training's own best evaluation. */
  results?: string;
  /** Where the run's data are now, if they have moved. */
  dataRoot?: string;
  perGallery?: number;
}

/**
 * Reads a run folder, also of a training that is still going on. Galleries have no pictures yet.
 *
 * @throws CheckpointError if it is no run folder, or one of its files is damaged
 */
export function readRun(
  source: RunSource,
  label: string,
): { report: RunReport; pictures: Picture[] } {
  const { folder } = source;
  const loaded = configOf(folder);
  const plan = planExperiment(loaded);
  const counted = totals(plan);
  const { rows, leftOut, ...shown } = runRows(folder, {
    losses: lossNames(plan),
    layers: [...plan.layers.values()].flatMap(flatten).map(({ name }) => name),
  });
  const { state, step, totalSteps, peakMemoryMiB, log } = readRunState(folder, rows);
  const { pictures, picturesLeftOut, ...validation } = validationOf(source);
  const { metric } = loaded.config.evaluation;
  const { sessions, damaged } = findSessions(folder);
  const report: RunReport = {
    label,
    folder,
    method: methodOf(plan),
    state,
    step,
    totalSteps,
    bestBy: metric === 'loss' ? `loss.${plan.primary.name}` : metric,
    facts: {
      parameters: counted.parameters,
      auxiliaryParameters: counted.auxiliaryParameters,
      relativeCost: counted.relativeToStandardBp,
      trainingImages: log.images,
      sampler: samplerText(loaded.config.data),
      augmentation: augmentationText(loaded.config.data),
      schedule: scheduleText(loaded.config.schedule, metric),
      engine: log.engine,
      seconds: log.seconds,
      peakMemoryMiB,
    },
    sessions,
    yaml: readRegular(join(folder, 'config.yaml')),
    settings: flatSettings(loaded.config),
    network: networkFigure(plan),
    ...shown,
    ...validation,
    leftOut: [...leftOut, ...damagedText('sessions.jsonl', damaged, 'line'), ...picturesLeftOut],
  };
  return { report, pictures };
}

/** Names for the runs that are short and all different. */
export function labelsOf(folders: readonly string[]): string[] {
  const names = folders.map((folder) => basename(folder.replace(/\/+$/, '')));
  const unique = (list: readonly string[]): boolean => new Set(list).size === list.length;
  if (unique(names)) return names;
  return unique(folders) ? [...folders] : folders.map((folder, i) => `${i + 1}: ${folder}`);
}

function configOf(folder: string): LoadedConfig {
  const file = join(folder, 'config.yaml');
  if (!existsSync(file)) {
    throw new CheckpointError(
      `${folder}: not a run folder: it has no config.yaml`,
      'give a folder that relaybp train has made, such as runs/<name>-<date>',
    );
  }
  return loadSavedConfig(file);
}

/** The results given, else those of the checkpoint that `best` names. */
function validationOf({ folder, results, dataRoot, perGallery = GALLERY }: RunSource): Pick<
  RunReport,
  'validation' | 'missing'
> & {
  pictures: Picture[];
  picturesLeftOut: string[];
} {
  const none = (missing: string) => {
    return { validation: null, missing, pictures: [], picturesLeftOut: [] };
  };
  if (!results && hasRemovedWeights(folder)) {
    return none('its weights were removed when it was done (keep in the study says what stays)');
  }
  if (!existsSync(join(folder, 'last'))) {
    return none('there is no checkpoint yet: come back after the first evaluation');
  }
  const checkpoint = findCheckpoint(folder, 'best');
  const file = results ?? join(checkpoint, RESULTS);
  if (!existsSync(file)) {
    if (results) throw new CheckpointError(`${results}: no such file`);
    return none(
      `there is no ${relative(folder, file)}. Make it with: relaybp eval ${folder} --results ${file}`,
    );
  }
  const { state } = openCheckpoint(checkpoint);
  const { root } = state.config.data;
  const found = readResults(file, state.classes, { named: results !== undefined }).map(
    ({ image, ...result }) => {
      return { ...result, image: dataRoot === undefined ? image : moved(image, root, dataRoot) };
    },
  );
  const step = results ? null : state.step;
  const source = results ?? relative(folder, file);
  const { report, pictures } = validationReport(found, state.classes, { source, step, perGallery });
  const placed = picturesInPlace(pictures, state.config.data, dataRoot);
  return {
    validation: report,
    missing: null,
    pictures: placed.pictures,
    picturesLeftOut: placed.leftOut,
  };
}

/** @returns the path of an image below `from`, below `to` */
function moved(image: string, from: string, to: string): string {
  const below = relative(from, image);
  return below.startsWith('..') || isAbsolute(below) ? image : join(to, below);
}

/** The config as `key.path` → value; items of lists are named by their `name` where they have one. */
function flatSettings(config: ExperimentConfig): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (value: unknown, path: string): void => {
    if (Array.isArray(value) && value.some((item) => typeof item === 'object' && item !== null)) {
      value.forEach((item: unknown, i) => {
        const name = (item as { name?: unknown } | null)?.name;
        visit(item, `${path}.${typeof name === 'string' ? name : i}`);
      });
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, item] of Object.entries(value)) visit(item, path ? `${path}.${key}` : key);
    } else found[path] = JSON.stringify(value) ?? '';
  };
  visit(config, '');
  return found;
}
