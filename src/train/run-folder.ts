import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../checkpoint/files.js';
import { CheckpointError } from '../errors.js';
import type { GradientRow } from './gradient-row.js';

/** One line of metrics.jsonl, format documented in docs/run-folder.md. */
export interface MetricsRow {
  kind: 'train' | 'val';
  step: number;
  epoch: number;
  [column: string]: string | number;
}

/** Who else is told of every row as it is written. */
export interface RowWatcher {
  metrics(row: MetricsRow): void;
  gradients(row: GradientRow): void;
}

/**
 * The files of a run besides its checkpoints: config.yaml, metrics.jsonl, metrics.csv, gradients.jsonl, log.jsonl.
 * Rows are written line by line; after a resume rows past the checkpoint are taken out again.
 */
export class RunFolder {
  /** TensorBoard's, where it is asked for. */
  watcher: RowWatcher | null = null;

  private constructor(
    readonly path: string,
    private readonly columns: readonly string[],
  ) {}

  /** A new run. @throws CheckpointError if the folder holds a run with a checkpoint, or cannot be made. */
  static create(path: string, config: string, losses: readonly string[]): RunFolder {
    if (existsSync(join(path, 'last'))) {
      throw new CheckpointError(
        `${path}: holds a run already`,
        'give --resume to go on with it, or another --out folder',
      );
    }
    try {
      mkdirSync(join(path, 'checkpoints'), { recursive: true });
      replaceFile(join(path, 'config.yaml'), config);
      rmSync(join(path, GRADIENTS), { force: true });
    } catch (error) {
      throw new CheckpointError(
        `${path}: the run folder cannot be written: ${(error as Error).message}`,
        'give another --out folder, or fix the permissions',
      );
    }
    const run = new RunFolder(path, csvColumns(losses));
    run.rewrite([]);
    return run;
  }

  /** A run to go on with: drops rows past its checkpoint, and whatever a crash left half-written. */
  static resume(
    path: string,
    config: string,
    losses: readonly string[],
    at: { step: number; evaluated: number },
  ): RunFolder {
    replaceFile(join(path, 'config.yaml'), config);
    const run = new RunFolder(path, csvColumns(losses));
    const until = (row: MetricsRow): number => (row.kind === 'val' ? at.evaluated : at.step);
    run.rewrite(readMetrics(path).filter((row) => row.step <= until(row)));
    if (existsSync(join(path, GRADIENTS))) {
      const rows = readGradients(path).filter((row) => row.step <= at.step);
      replaceFile(join(path, GRADIENTS), jsonLines(rows));
    }
    return run;
  }

  append(row: MetricsRow): void {
    appendFileSync(join(this.path, METRICS), jsonLines([row]));
    appendFileSync(join(this.path, 'metrics.csv'), this.csvLine(row));
    this.watcher?.metrics(row);
  }

  appendGradients(row: GradientRow): void {
    appendFileSync(join(this.path, GRADIENTS), jsonLines([row]));
    this.watcher?.gradients(row);
  }

  private rewrite(rows: readonly MetricsRow[]): void {
    replaceFile(join(this.path, METRICS), jsonLines(rows));
    const lines = rows.map((row) => this.csvLine(row)).join('');
    replaceFile(join(this.path, 'metrics.csv'), `${this.columns.join(',')}\n${lines}`);
  }

  private csvLine(row: MetricsRow): string {
    return `${this.columns.map((column) => row[column] ?? '').join(',')}\n`;
  }
}

/** Whole rows of metrics.jsonl; a torn last line is left out. */
export const readMetrics = (run: string): MetricsRow[] => readRows<MetricsRow>(join(run, METRICS));

/** Whole rows of gradients.jsonl; none without `diagnostics.gradients`. */
export const readGradients = (run: string): GradientRow[] =>
  readRows<GradientRow>(join(run, GRADIENTS));

const METRICS = 'metrics.jsonl';
const GRADIENTS = 'gradients.jsonl';

const jsonLines = (rows: readonly object[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join('');

function readRows<Row>(path: string): Row[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as Row];
      } catch {
        return [];
      }
    });
}

/** `validation.csv` beside the weights that gave it: the images of the best evaluation. */
export function writeResults(checkpoint: string, results: string): void {
  replaceFile(join(checkpoint, RESULTS), results);
}

export const RESULTS = 'validation.csv';

const csvColumns = (losses: readonly string[]): string[] => [
  'kind',
  'step',
  'epoch',
  'lr',
  ...losses.map((loss) => `loss.${loss}`),
  'images',
  'top1',
  'top5',
  'top1_err',
  'top5_err',
  'top1_ema',
  'top5_ema',
  'imagesPerSecond',
  'dataWait',
];

export const RUNS = 'runs';

/** `runs/<name>-2026-01-31T12-00-00`, with a number if that is taken. */
export function newRunPath(name: string, now: Date): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(':', '-');
  const path = join(RUNS, `${name}-${stamp}`);
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? path : `${path}-${n}`;
    if (!existsSync(candidate)) return candidate;
  }
}

/** The run under `runs/` whose checkpoint is the newest; only runs called `name` if one is given. */
export function newestRun(name?: string): string | undefined {
  if (!existsSync(RUNS)) return undefined;
  const runs = readdirSync(RUNS)
    .filter((entry) => name === undefined || isRunOf(entry, name))
    .map((entry) => join(RUNS, entry))
    .filter((path) => existsSync(join(path, 'last')))
    .map((path) => ({ path, time: statSync(join(path, 'last')).mtimeMs }));
  return runs.sort((a, b) => b.time - a.time)[0]?.path;
}

const isRunOf = (entry: string, name: string): boolean =>
  entry.startsWith(`${name}-`) && /^\d{4}-\d\d-\d\dT[\d-]+$/.test(entry.slice(name.length + 1));

/** `summary.json`: the run's last word, for scripts. */
export function writeSummary(run: string, summary: object): void {
  replaceFile(join(run, 'summary.json'), `${JSON.stringify(summary, null, 1)}\n`);
}

/** Where pino writes. */
export function logPath(run: string): string {
  const path = join(run, 'log.jsonl');
  if (!existsSync(path)) writeFileSync(path, '');
  return path;
}
