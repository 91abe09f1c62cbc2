import { type Command, Option } from 'commander';
import { BENCH_MODES } from '../bench/bench-plan.js';
import { PRECISION_CHOICES } from '../engine/engine.js';
import { nonNegativeInteger, positiveInteger, withEngine } from './common.js';
import { print, printError, printJson } from './output.js';

export function addBench(cli: Command): void {
  withEngine(cli.command('bench'))
    .description('measure how fast a config trains, and where its time and memory go')
    .argument('<config>', 'YAML config')
    .addOption(
      new Option('--mode <mode>', 'which losses train what; bp: standard backpropagation')
        .choices(BENCH_MODES)
        .default('config'),
    )
    .addOption(
      new Option(
        '--precision <type>',
        "what the engine computes in (default: the config's)",
      ).choices(PRECISION_CHOICES),
    )
    .addOption(
      new Option('--data <source>', 'random images that cost nothing, or those of the config')
        .choices(['synthetic', 'config'])
        .default('synthetic'),
    )
    .option('--no-image-cache', 'with --data config: decode every image anew')
    .option('--steps <n>', 'steps to measure', positiveInteger, 10)
    .option('--warmup <n>', 'steps before', nonNegativeInteger, 3)
    .option(
      '--micro-batch <n>',
      'images at once; without --batch-size a whole step',
      positiveInteger,
    )
    .option('--batch-size <n>', "images of a step (default: the config's)", positiveInteger)
    .option(
      '--set <key=value>',
      'override a key of the config (repeatable)',
      (value: string, all: string[]) => [...all, value],
      [],
    )
    .option('--json', 'print one JSON object', false)
    .action(async (config: string, options) => {
      const { benchCommand } = await import('../commands/bench.js');
      const { benchReport } = await import('./bench-view.js');
      const result = await benchCommand(config, options, options.json ? printError : print);
      if (options.json) printJson(result);
      else print(benchReport(result));
    });
}
