import { type Command, Option } from '@commander-js/extra-typings';
import { BENCH_MODES } from '../bench/bench-plan.js';
import { BENCH_DATA, BENCH_DEFAULTS } from '../commands/defaults.js';
import { PRECISION_CHOICES } from '../engine/engine.js';
import {
  engineOption,
  JSON_OBJECT,
  nonNegativeInteger,
  phaseOption,
  positiveInteger,
  setOption,
} from './common.js';
import { print, printError, printJson } from './output.js';

export function addBench(cli: Command): void {
  cli
    .command('bench')
    .addOption(engineOption())
    .description('measure how fast a config trains, and where its time and memory go')
    .argument('<config>', 'YAML config')
    .addOption(
      new Option('--mode <mode>', 'which losses train what; bp: standard backpropagation')
        .choices(BENCH_MODES)
        .default(BENCH_DEFAULTS.mode),
    )
    .addOption(
      new Option(
        '--precision <type>',
        "what the engine computes in (default: the config's)",
      ).choices(PRECISION_CHOICES),
    )
    .addOption(
      new Option('--data <source>', 'random images that cost nothing, or those of the config')
        .choices(BENCH_DATA)
        .default(BENCH_DEFAULTS.data),
    )
    .option('--no-image-cache', 'with --data config: decode every image anew')
    .option('--steps <n>', 'steps to measure', positiveInteger, BENCH_DEFAULTS.steps)
    .option('--warmup <n>', 'steps before', nonNegativeInteger, BENCH_DEFAULTS.warmup)
    .option(
      '--micro-batch <n>',
      'images at once; without --batch-size a whole step',
      positiveInteger,
    )
    .option('--batch-size <n>', "images of a step (default: the config's)", positiveInteger)
    .addOption(phaseOption())
    .addOption(setOption('override a key of the config (repeatable)'))
    .option(...JSON_OBJECT)
    .action(async (config, options) => {
      const { benchCommand } = await import('../commands/bench.js');
      const { benchReport } = await import('./bench-view.js');
      const result = await benchCommand(config, options, {
        notice: options.json ? printError : print,
      });
      if (options.json) printJson(result);
      else print(benchReport(result));
    });
}
