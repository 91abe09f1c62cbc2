import type { Command } from 'commander';

/** The commands that help to write configs: init, schema. */
export function addAuthoring(cli: Command): void {
  addSchema(cli);
}

function addSchema(cli: Command): void {
  cli
    .command('schema')
    .description('print the JSON Schema of configs, by which editors complete and explain keys')
    .option('--markdown', 'the reference of all keys as Markdown instead', false)
    .action(async (options: { markdown: boolean }) => {
      const { schemaCommand } = await import('../commands/schema.js');
      process.stdout.write(schemaCommand(options));
    });
}
