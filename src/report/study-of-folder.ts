import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isRunFolder } from '../run/run-folders.js';
import { parsed } from '../study/outcome.js';
import { type StudyTable, tableSchema } from '../study/table-schema.js';
import { TABLE } from '../study/write-table.js';
import type { RunGroup, RunReport } from './page-data.js';
import type { RunSource } from './run.js';

/** A study's folder, as its page shows it. */
export interface StudySource {
  readonly table: StudyTable;
  /** Final runs that have not diverged or failed; of each combination the first alone has pictures. */
  readonly runs: readonly RunSource[];
}

export const isStudyFolder = (folder: string): boolean => existsSync(join(folder, `${TABLE}.json`));

/** @throws CheckpointError if its table is damaged */
export function studySource(folder: string, about: Omit<RunSource, 'folder'>): StudySource {
  const file = join(folder, `${TABLE}.json`);
  const table = parsed(file, tableSchema, 'relaybp study writes it anew');
  const runs = table.combinations.flatMap((combination) =>
    combination.runs
      .filter(({ id, state }) => state !== 'diverged' && state !== 'failed' && isInside(folder, id))
      .map(({ id }, i): RunSource => {
        const pictures = i === 0 ? {} : { perGallery: 0 };
        return { ...about, ...pictures, folder: join(folder, id), named: false };
      }),
  );
  return { table, runs };
}

/** Whether a run of the table is a run folder in the study's; names in a file may be anything. */
const isInside = (folder: string, id: string): boolean =>
  /^[\w.+-]+$/.test(id) && !/^\.+$/.test(id) && isRunFolder(join(folder, id));

/** The runs of a page by combination. */
export function studyGroups(
  table: StudyTable,
  runs: readonly Pick<RunReport, 'label'>[],
): RunGroup[] {
  return table.combinations.flatMap(({ label, runs: own }) => {
    const members = own.flatMap(({ id }) => {
      const at = runs.findIndex((run) => run.label === id);
      return at < 0 ? [] : [at];
    });
    return members.length > 0 ? [{ label, runs: members }] : [];
  });
}
