import { loadConfig } from '../config/load.js';
import { type ExperimentPlan, planExperiment } from '../experiment/experiment-plan.js';
import { pixelScaleNotice } from '../experiment/pixel-scale.js';
import { checkSchedule } from '../train/schedule.js';
import type { ConfigOptions } from './options.js';

/** `relaybp plan`. Builds no tensors and reads no data. */
export function planCommand(
  file: string,
  options: ConfigOptions,
  onNotice: (line: string) => void,
): ExperimentPlan {
  const loaded = loadConfig(file, options.set);
  checkSchedule(loaded);
  const plan = planExperiment(loaded);
  const scale = pixelScaleNotice(loaded.config.data);
  if (scale !== null) onNotice(scale);
  return plan;
}
