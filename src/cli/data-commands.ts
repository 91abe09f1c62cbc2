import type { Command } from '@commander-js/extra-typings';
import { addDataCheck } from './data-check.js';
import { addDataPrepare } from './data-prepare.js';
import { addDataPreview } from './data-preview.js';
import { addDataStats } from './data-stats.js';

/** The group `relaybp data`: commands about images, without a network. */
export function addData(cli: Command, exit: (code: number) => void): void {
  const data = cli.command('data').description('look after the images of a data set');
  addDataCheck(data, exit);
  addDataPrepare(data);
  addDataPreview(data);
  addDataStats(data);
}
