import type { Command } from '@commander-js/extra-typings';
import { createColors } from 'picocolors';
import { setOption, withShortSet } from './common.js';
import { printError, printInColor, printJson, stdout } from './output.js';
import { PRINT_CONFIG, printConfig } from './print-config.js';

export function addPlan(cli: Command): void {
  withShortSet(cli.command('plan').addOption(setOption()))
    .description('show network, ranges and training step without building anything')
    .argument('<config>', 'YAML config')
    .option('--steps', 'also list what a training step does, in its order', false)
    .option('--json', 'print the whole plan as JSON', false)
    .option(...PRINT_CONFIG)
    .action(async (config, options) => {
      if (options.printConfig) return printConfig(config, options.set);
      const { planCommand } = await import('../commands/plan.js');
      const plan = planCommand(config, options, { notice: printError });
      if (options.json) {
        const { planJson } = await import('../plan/json.js');
        return printJson(planJson(plan), 1);
      }
      const { planTable } = await import('../plan/plan-table.js');
      const { steps } = options;
      const { columns } = stdout;
      printInColor(planTable(plan, createColors(useColor()), { steps, columns }).split('\n'));
    });
}

const useColor = (): boolean =>
  process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
