import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { ExperimentConfig } from '../config/experiment-schema.js';
import { isShards } from '../data/index/shard-files.js';
import { pathAsThere } from '../data/index/unicode-forms.js';
import { DataError } from '../errors.js';

/** Of a run that goes on. @throws DataError if its images are not where they were */
export function checkTrainingData(config: ExperimentConfig, run: string): void {
  const fix = 'name the folder that they are in now: --data-root FOLDER, or --set data.root=FOLDER';
  for (const part of ['train', 'val'] as const) {
    checkRunData(config, part, { root: config.data.root, run, fix });
  }
}

/**
 * Before the images of a run are looked for: are they where they were when it was trained?
 *
 * @param root where they should be: the config's `data.root`, or where the user says
 * @param run as the user knows it
 * @param fix how the user can say where they are now
 * @throws DataError if not
 */
export function checkRunData(
  { data }: ExperimentConfig,
  part: 'train' | 'val',
  { root, run, fix }: { root: string; run: string; fix: string },
): void {
  const path = resolve(root, data[part]);
  if (existsSync(pathAsThere(path)) || isShards(root, data[part])) return; // shards that are missing are named
  const why =
    isAbsolute(root) || root !== data.root
      ? `the ${part === 'val' ? 'validation' : 'training'} images of ${run} are not there`
      : `the config of ${run} names its data relative to where it was trained (data.root: ${root})`;
  throw new DataError(`${path}: no such file or folder: ${why}`, fix);
}
