import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isRunFolder } from '../run/run-folders.js';
import { parsed } from '../study/outcome.js';
import { type StudyTable, tableSchema } from '../study/table-schema.js';
import { TABLE } from '../study/write-table.js';
import type { RunGroup, RunReport } from './page-data.js';
import type { RunSource } from './run.js';

/** In the folder of a study. */
export const tableFile = (folder: string): string => join(folder, `${TABLE}.json`);

/** The study that is meant, if it is one and nothing else is: its page is about that alone. */
export function studyAmong(given: readonly string[]): string | null {
  const [folder, ...others] = given;
  return folder !== undefined && others.length === 0 && existsSync(tableFile(folder))
    ? folder
    : null;
}

/** @throws CheckpointError if its table is damaged */
export const readTable = (folder: string): StudyTable =>
  parsed(tableFile(folder), tableSchema, 'relaybp study writes it anew');

/** Final runs that have begun, and have not diverged or failed; of each combination the first alone has pictures. */
export const runsOfTable = (
  folder: string,
  { combinations }: StudyTable,
  about: Omit<RunSource, 'folder'>,
): RunSource[] =>
  combinations.flatMap(({ runs }) =>
    runs
      .filter(({ id, state }) => state !== 'diverged' && state !== 'failed' && isInside(folder, id))
      .map(({ id }, i): RunSource => {
        const pictures = i === 0 ? {} : { perGallery: 0 };
        return { ...about, ...pictures, folder: join(folder, id), named: false };
      }),
  );

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
