import { loadConfig } from '../config/load.js';
import { type ExperimentPlan, planExperiment } from '../experiment/experiment-plan.js';
import { checkSchedule } from '../train/schedule.js';
import type { ConfigOptions } from './options.js';

/** `relaybp plan`. Builds no tensors and reads no data. */
export function planCommand(file: string, options: ConfigOptions): ExperimentPlan {
  const loaded = loadConfig(file, options.set);
  checkSchedule(loaded);
  return planExperiment(loaded);
}
