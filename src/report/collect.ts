import { RelaybpError } from '../errors.js';
import { version } from '../version.js';
import { groupsOf } from './groups.js';
import type { ReportData, StudyTable } from './page-data.js';
import { labelsOf, type RunSource, readRun } from './run.js';
import { studyGroups } from './study-of-folder.js';
import type { Picture } from './validation-images.js';

/**
 * Everything that a page about these runs shows, without pictures.
 *
 * @param study the one that they are the final runs of
 * @returns also, in words, what the page is without: runs that were not named and cannot be read, and of the others what
 *   their files hold that cannot be shown
 * @throws CheckpointError as `readRun`, for a run that was named; or if none is left
 */
export function reportData(
  sources: readonly RunSource[],
  study: StudyTable | null = null,
): {
  data: ReportData;
  pictures: Picture[];
  leftOut: string[];
} {
  const labels = labelsOf(sources.map(({ folder }) => folder));
  const problems: RelaybpError[] = [];
  const runs = sources.flatMap((source, i) => {
    try {
      return [readRun(source, labels[i]!)];
    } catch (error) {
      if (source.named !== false || !(error instanceof RelaybpError)) throw error;
      problems.push(error);
      return [];
    }
  });
  if (runs.length === 0 && problems[0]) throw problems[0];
  const reports = runs.map(({ report }) => report);
  const data: ReportData = {
    formatVersion: 1,
    relaybp: version,
    generated: new Date().toISOString(),
    runs: reports,
    groups: study ? studyGroups(study, reports) : groupsOf(reports),
    study,
    standing: null,
  };
  const leftOut = [
    ...problems.map(({ message }) => `a run is left out: ${message}`),
    ...reports.flatMap((run) => run.leftOut.map((line) => `${run.folder}: ${line}`)),
  ];
  return { data, pictures: runs.flatMap(({ pictures }) => pictures), leftOut };
}
