/** The rows of a run as the page has them: of a known form and bounded size, whatever the files hold. */
import type { GradientRow } from '../run/gradient-row.js';
import { findGradients, findMetrics, findSignals, type MetricsRow } from '../run/rows.js';
import { type LossNames, lossColumnNames, METRICS_COLUMNS } from '../run/run-folder.js';
import type { SignalRow } from '../run/signal-row.js';
import type { Columns } from './page-data.js';

export interface RunRows {
  /** As they were written, those that can be rows. */
  rows: MetricsRow[];
  train: Columns;
  val: Columns;
  gradients: GradientRow[];
  signals: SignalRow[];
  /** What is not among them, in words. */
  leftOut: string[];
}

/**
 * Reads metrics.jsonl, gradients.jsonl and signals.jsonl.
 *
 * @param known names of the network's losses and layers: no others are shown
 * @throws CheckpointError if a file cannot be read
 */
export function runRows(
  folder: string,
  known: { losses: LossNames; layers: readonly string[] },
): RunRows {
  const names = columnNames(known.losses);
  const metrics = findMetrics(folder);
  const written = findGradients(folder);
  const measured = findSignals(folder);
  const rows = inOrder(metrics.rows);
  const of = (kind: MetricsRow['kind']): Columns =>
    columns(
      rows.filter((row) => row.kind === kind),
      names,
    );
  return {
    rows: metrics.rows,
    train: of('train'),
    val: of('val'),
    gradients: inOrder(written.rows).map((row) => knownPart(row, known)),
    signals: mostBatches(inOrder(measured.rows)).map((row) => knownSignals(row, known)),
    leftOut: [
      ...unknownText(['column', 'metrics.jsonl'], unknownOf(metrics.rows.map(Object.keys), names)),
      ...unknownText(
        ['layer', 'gradients.jsonl'],
        unknownOf(
          written.rows.map(({ layers }) => layers.map(({ layer }) => layer)),
          known.layers,
        ),
      ),
      ...unknownText(
        ['layer', 'signals.jsonl'],
        unknownOf(
          measured.rows.map(({ layers }) => layers.map(({ layer }) => layer)),
          known.layers,
        ),
      ),
      ...damagedText('metrics.jsonl', metrics.damaged),
      ...damagedText('gradients.jsonl', written.damaged),
      ...damagedText('signals.jsonl', measured.damaged),
    ],
  };
}

/** By step; rows of a clock or a counter that went back are drawn where they belong. */
const inOrder = <Row extends { step: number }>(rows: readonly Row[]): Row[] =>
  [...rows].sort((a, b) => a.step - b.step);

const columnNames = (losses: LossNames): string[] => [
  ...METRICS_COLUMNS,
  ...lossColumnNames(losses),
];

function columns(rows: readonly MetricsRow[], names: readonly string[]): Columns {
  const found: Columns = { step: [], epoch: [] };
  for (const name of names) {
    if (name === 'kind') continue;
    const values = rows.map((row) => {
      const value = Object.hasOwn(row, name) ? row[name] : null;
      return typeof value === 'number' ? value : null;
    });
    const needed = name === 'step' || name === 'epoch';
    if (needed || values.some((value) => value !== null)) found[name] = values as number[];
  }
  return found;
}

/** Of layers and losses that the network has. */
function knownPart(
  { layers: found, ...row }: GradientRow,
  { losses: { all: losses }, layers }: { losses: LossNames; layers: readonly string[] },
): GradientRow {
  const known = new Set(layers);
  return {
    ...row,
    layers: found.flatMap(({ byLoss, cosines, ...layer }) => {
      if (!known.delete(layer.layer)) return []; // unknown, or there twice
      const shares = losses.flatMap((loss): [string, number][] => {
        return Object.hasOwn(byLoss, loss) ? [[loss, byLoss[loss]!]] : [];
      });
      const between = cosines?.filter((one) => one.losses.every((name) => losses.includes(name)));
      return {
        ...layer,
        byLoss: Object.fromEntries(shares),
        ...(between && { cosines: between }),
      };
    }),
  };
}

/** Of several rows of a step, as a saved probe makes them, the one over the most batches. */
const mostBatches = (rows: readonly SignalRow[]): SignalRow[] =>
  rows.filter((row) => {
    const same = rows.filter(({ step }) => step === row.step);
    return row === same.reduce((best, one) => (one.batches > best.batches ? one : best));
  });

/** Of layers and losses that the network has. */
function knownSignals(
  { losses, layers, ...row }: SignalRow,
  known: { losses: LossNames; layers: readonly string[] },
): SignalRow {
  const isKnown = (name: string): boolean => known.losses.all.includes(name);
  const left = new Set(known.layers);
  return {
    ...row,
    losses: losses.filter(({ name }) => isKnown(name)),
    layers: layers.flatMap(({ byLoss, pairs, ...layer }) => {
      if (!left.delete(layer.layer)) return []; // unknown, or there twice
      return [
        {
          ...layer,
          byLoss: Object.fromEntries(Object.entries(byLoss).filter(([name]) => isKnown(name))),
          pairs: pairs.filter((pair) => pair.losses.every(isKnown)),
        },
      ];
    }),
  };
}

function unknownOf(rows: readonly (readonly string[])[], known: readonly string[]): Set<string> {
  const names = new Set(known);
  const unknown = new Set<string>();
  for (const row of rows) {
    for (const name of row) if (!names.has(name)) unknown.add(name);
  }
  return unknown;
}

/** For instance of losses that the run had earlier. */
function unknownText([what, file]: [string, string], unknown: ReadonlySet<string>): string[] {
  if (unknown.size === 0) return [];
  const [names, are] = unknown.size === 1 ? [what, 'is'] : [`${what}s`, 'are'];
  const some = [...unknown].slice(0, 3).map((name) => JSON.stringify(name.slice(0, 40)));
  const more = unknown.size > some.length ? ', …' : '';
  return [
    `${unknown.size} ${names} of ${file} that this run's network does not have ${are} not shown: ${some.join(', ')}${more}`,
  ];
}

/** In words, if there are any. */
export const damagedText = (file: string, count: number, what = 'row'): string[] => {
  const [rows, are] = count === 1 ? [what, 'is'] : [`${what}s`, 'are'];
  return count === 0 ? [] : [`${count} damaged ${rows} of ${file} ${are} left out`];
};
