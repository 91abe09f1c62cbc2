import { statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../errors.js';
import { replaceFile } from '../files.js';
import { reportData } from '../report/collect.js';
import { htmlPage } from '../report/page.js';
import { embedPictures } from '../report/pictures.js';
import { readTable, runsOfTable, studyAmong } from '../report/study-of-folder.js';
import { withoutPaths } from '../report/without-paths.js';
import { runFolders } from '../run/run-folders.js';
import { REPORT_DEFAULTS } from './defaults.js';
import { type Hooks, listening } from './hooks.js';
import { checkDataRoot, checkOutput, withDefaults } from './options.js';

export interface ReportCommandOptions {
  /** HTML file to write. */
  out?: string;
  /** Per-image results, one file for each run in their order. */
  results?: readonly string[];
  /** Where the runs' data are now, if they have moved. */
  dataRoot?: string;
  /** Images in each gallery. */
  images?: number;
  /** False: `withoutPaths`. */
  paths?: boolean;
}

/** `relaybp report`: one HTML page about one or more runs, or all in folders of runs. */
export async function reportCommand(
  runs: readonly string[],
  options: ReportCommandOptions = {},
  hooks: Hooks = {},
): Promise<{ out: string; bytes: number }> {
  const {
    out,
    images,
    results = [],
    dataRoot,
    paths = true,
  } = withDefaults(options, REPORT_DEFAULTS);
  const { notice } = listening(hooks);
  checkOutput('--out', out);
  checkDataRoot(dataRoot);
  const study = studyAmong(runs);
  const table = study === null ? null : readTable(study);
  const sources =
    study === null || table === null
      ? runFolders(runs)
      : runsOfTable(study, table, { dataRoot, perGallery: images });
  if (results.length > 0 && results.length !== sources.length) {
    throw new ConfigError(
      `--results: ${results.length} ${results.length === 1 ? 'file' : 'files'} for ${sources.length} runs`,
      'give --results once for each run, in their order',
    );
  }
  const { data, pictures, leftOut } = reportData(
    sources.map((source, i) => {
      return { dataRoot, perGallery: images, ...source, results: results[i] };
    }),
    table,
  );
  for (const problem of leftOut) notice(problem);
  for (const { folder, missing } of data.runs) {
    if (missing) notice(`${folder}: without galleries, classes and confusion: ${missing}`);
  }
  const lost = await embedPictures(pictures);
  if (lost > 0) {
    notice(
      `${lost} images of the galleries are not where they were: shown without a picture; --data-root FOLDER names the folder that the data are in now`,
    );
  }
  replaceFile(out, htmlPage(paths ? data : withoutPaths(data)));
  return { out: join(out), bytes: statSync(out).size };
}
