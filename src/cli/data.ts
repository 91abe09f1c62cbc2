import type { Command } from 'commander';
import { addDataPreview } from './data-preview.js';

/** What there is to do with a data set. */
export function addData(cli: Command): void {
  const data = cli.command('data').description('look at the images that a config trains on');
  addDataPreview(data);
}
