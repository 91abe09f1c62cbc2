import { createColors } from 'picocolors';
import { loadConfig } from '../config/load.js';
import { planExperiment } from '../plan/experiment.js';
import { planJson } from '../plan/json.js';
import { planTable } from '../plan/table.js';
import { checkSchedule } from '../train/schedule.js';
import type { ConfigOptions } from './options.js';

/** `relaybp plan`: the text to print. Builds no tensors and reads no data. */
export function planCommand(
  file: string,
  options: ConfigOptions & { json: boolean; steps: boolean; color: boolean },
): string {
  const loaded = loadConfig(file, options.set);
  checkSchedule(loaded);
  const plan = planExperiment(loaded);
  if (options.json) return JSON.stringify(planJson(plan), null, 1);
  return planTable(plan, createColors(options.color), options);
}
