import { ConfigError } from '../errors.js';
import { printText } from './output.js';

/** Of the commands that are given a config. */
export const PRINT_CONFIG = [
  '--print-config',
  'print the resolved config and exit',
  false,
] as const;

/** @throws ConfigError also for a config that can be read, but not be planned */
export async function printConfig(
  file: string | undefined,
  overrides: readonly string[],
): Promise<void> {
  if (!file) throw new ConfigError('--print-config needs a config file');
  const { loadConfig } = await import('../config/load.js');
  const config = await import('../config/print.js');
  const { planExperiment } = await import('../experiment/experiment-plan.js');
  const loaded = loadConfig(file, overrides);
  planExperiment(loaded);
  printText(config.printConfig(loaded.config));
}
