import { type Command, Option } from '@commander-js/extra-typings';
import { BENCH_MODES } from '../bench/bench-plan.js';
import type { RankBenchOptions } from '../commands/bench-ranks.js';
import { BENCH_DATA, BENCH_DEFAULTS } from '../commands/defaults.js';
import { launchedBy } from '../distributed/launcher.js';
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

export function addBench(cli: Command, exit: (code: number) => void): void {
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
    .option(
      '--ranks <n>',
      'by so many processes, which take parts of a batch: speed together against one alone (docs/distributed.md)',
      positiveInteger,
    )
    .addOption(setOption('override a key of the config (repeatable)'))
    .option(...JSON_OBJECT)
    .action(async (config, options) => {
      if (launchedBy()) return benchAsRank(config, options);
      if (options.ranks !== undefined && options.ranks > 1) {
        const { launchCommand } = await import('../commands/launch.js');
        const self = [process.execPath, process.argv[1]!];
        return exit(await launchCommand(process.argv.slice(2), { ranks: options.ranks }, self));
      }
      const { benchCommand } = await import('../commands/bench.js');
      const { benchReport } = await import('./bench-view.js');
      const result = await benchCommand(config, options, {
        notice: options.json ? printError : print,
      });
      if (options.json) printJson(result);
      else print(benchReport(result));
    });
}

/** What rank 0 says is said for all. */
async function benchAsRank(
  config: string,
  options: RankBenchOptions & { json: boolean },
): Promise<void> {
  const { rankBenchCommand } = await import('../commands/bench-ranks.js');
  const { rankBenchReport } = await import('./bench-ranks-view.js');
  const result = await rankBenchCommand(config, options, {
    notice: options.json ? printError : print,
  });
  if (!result) return;
  if (options.json) printJson(result);
  else print(rankBenchReport(result));
}
