import type { Command } from '@commander-js/extra-typings';
import { printText } from './output.js';

export function addSchema(cli: Command): void {
  cli
    .command('schema')
    .description('print the JSON Schema of configs, by which editors complete and explain keys')
    .option('--markdown', 'the reference of all keys as Markdown instead', false)
    .option('--study', 'of studies instead of configs', false)
    .action(async (options) => {
      const { schemaCommand } = await import('../commands/schema.js');
      printText(schemaCommand(options));
    });
}
