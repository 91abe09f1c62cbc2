import { version } from '../version.js';
import type { ReportData } from './data.js';
import { labelsOf, type RunSource, readRun } from './run.js';
import type { Picture } from './validation.js';

/** Everything that a page about these runs shows, without pictures. @throws CheckpointError as `readRun` */
export function reportData(sources: readonly RunSource[]): {
  data: ReportData;
  pictures: Picture[];
} {
  const labels = labelsOf(sources.map(({ folder }) => folder));
  const runs = sources.map((source, i) => readRun(source, labels[i]!));
  const data: ReportData = {
    formatVersion: 1,
    relaybp: version,
    generated: new Date().toISOString(),
    runs: runs.map(({ report }) => report),
  };
  return { data, pictures: runs.flatMap(({ pictures }) => pictures) };
}
