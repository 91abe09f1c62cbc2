import type { Command } from '@commander-js/extra-typings';
import { PROBE_DEFAULTS } from '../commands/defaults.js';
import {
  checkpointOption,
  engineOption,
  JSON_OBJECT,
  phaseOption,
  positiveInteger,
  setOption,
  withShortSet,
} from './common.js';
import { print, printError, printJson, stderr, stdout } from './output.js';

export function addProbe(cli: Command): void {
  withShortSet(cli.command('probe').addOption(setOption()))
    .addOption(engineOption())
    .description("measure how far each loss's signal carries down the network")
    .argument('<run|config>', 'run folder, checkpoint, or YAML config (at its initial weights)')
    .addOption(checkpointOption(PROBE_DEFAULTS.checkpoint))
    .addOption(phaseOption("default: the first, or the checkpoint's"))
    .option('--batches <n>', 'batches to measure over', positiveInteger, PROBE_DEFAULTS.batches)
    .option('--save', "of a run: add it to the run's signals.jsonl, for its report", false)
    .option(...JSON_OBJECT)
    .action(async (target, options) => {
      const { probeCommand } = await import('../commands/probe.js');
      const { showingProgress } = await import('../terminal/progress.js');
      const notice = options.json ? printError : print;
      const result = await showingProgress(stderr, (progress) =>
        probeCommand(target, options, { notice, progress }),
      );
      if (options.json) return printJson(result);
      const { signalLines } = await import('./probe-view.js');
      print(signalLines(result, stdout.columns));
    });
}
