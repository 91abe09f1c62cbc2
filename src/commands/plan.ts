import { loadConfig } from '../config/load.js';
import { type ExperimentPlan, planExperiment } from '../experiment/experiment-plan.js';
import { pixelScaleNotice } from '../experiment/pixel-scale.js';
import { checkSchedule } from '../train/schedule.js';
import { type Hooks, listening } from './hooks.js';
import type { ConfigOptions } from './options.js';

/** `relaybp plan`. Builds no tensors and reads no data. */
export function planCommand(
  file: string,
  options: ConfigOptions = {},
  hooks: Hooks = {},
): ExperimentPlan {
  const loaded = loadConfig(file, options.set);
  checkSchedule(loaded);
  const plan = planExperiment(loaded);
  const scale = pixelScaleNotice(loaded.config.data);
  if (scale !== null) listening(hooks).notice(scale);
  return plan;
}
