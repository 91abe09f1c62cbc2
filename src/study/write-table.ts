import { join } from 'node:path';
import { writeJson, writeText } from './outcome.js';
import type { StudyFolder } from './run-status.js';
import type { StudyPlan } from './study-runs.js';
import { tableOf } from './study-table.js';
import { tableCsv } from './table-csv.js';
import type { StudyTable } from './table-schema.js';
import { tableMarkdown } from './table-text.js';

/** Name of the table's files but for their endings. */
export const TABLE = 'table';

/** Writes `table.md`, `table.csv` and `table.json`. @throws CheckpointError */
export function writeTable(plan: StudyPlan, folder: StudyFolder, left: number): StudyTable {
  const table = tableOf(plan, folder, left);
  const file = (ending: string): string => join(folder.path, `${TABLE}.${ending}`);
  writeText(file('md'), tableMarkdown(table));
  writeText(file('csv'), tableCsv(table));
  writeJson(file('json'), table, 1);
  return table;
}
