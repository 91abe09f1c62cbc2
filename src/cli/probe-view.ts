import type { ProbeResult } from '../commands/probe.js';
import { SUGGESTION_TITLE, suggestionTexts } from '../probe/suggestion-text.js';
import { sizeText } from '../quantities.js';
import type { Estimate, LayerSignals } from '../run/signal-row.js';
import { aligned } from '../terminal/aligned.js';
import { wrapText } from '../terminal/wrap-text.js';

/** A table's column: its head, and its cell of each layer. */
interface Column {
  head: string;
  cell: (layer: LayerSignals) => string;
}

/** What a probe found, for people: layers from the output to the input, as signals go. */
export function signalLines(result: ProbeResult, columns: number): string[] {
  const { config, checkpoint, phase, step, batches, batchSize, groups, keptBytes } = result;
  const layers = [...result.layers].reverse();
  const losses = result.losses.map(({ name }) => name);
  const pairs = losses.flatMap((a, i) => losses.slice(i + 1).map((b) => [a, b] as const));
  const beyond = layers.some(({ byLoss }) => Object.values(byLoss).some((one) => !one.inRange));
  const table = (columnsOf: readonly Column[]): string[] => tables(layers, columnsOf, columns);
  return [
    `${checkpoint ?? config}: step ${step}, ${batches} batches of ${batchSize} images`,
    ...(phase === null ? [] : [`the losses as they are ${phase}`]),
    `95 % intervals: jackknife over ${groups} groups of batches; ${sizeText(keptBytes)} of gradients kept`,
    '',
    'signal to noise: norm of the mean gradient / spread of a batch around it',
    ...table(losses.map(signalColumn)),
    ...(beyond ? ["* beyond the loss's range: measured, not trained with"] : []),
    ...(pairs.length > 0
      ? [
          '',
          "cosine between the losses' mean gradients",
          ...table(pairs.map((pair) => cosineColumn(pair))),
        ]
      : []),
    '',
    "mean |gradient| of a batch, times the loss's weight; in % of mean |weight|",
    ...table(losses.map(magnitudeColumn)),
    ...suggestionLines(result, columns),
  ];
}

function suggestionLines({ suggestions }: ProbeResult, columns: number): string[] {
  if (suggestions.length === 0) return [];
  const lines = suggestions.flatMap((suggestion) => {
    const [found, ...rest] = suggestionTexts(suggestion);
    return [
      ...wrapText(found!, columns, '  '),
      ...rest.flatMap((text) => wrapText(`- ${text}`, columns, '  ')),
    ];
  });
  return ['', `${SUGGESTION_TITLE} (docs/probe.md)`, ...lines];
}

const signalColumn = (loss: string): Column => ({
  head: `${loss} `,
  cell({ byLoss: { [loss]: own } }) {
    if (!own) return '';
    return estimateText(own.signalToNoise) + (own.inRange ? ' ' : '*');
  },
});

const cosineColumn = ([a, b]: readonly [string, string]): Column => ({
  head: `${a}, ${b}`,
  cell({ pairs }) {
    const own = pairs.find(({ losses }) => losses[0] === a && losses[1] === b);
    return own ? estimateText(own.cosine) : '';
  },
});

const magnitudeColumn = (loss: string): Column => ({
  head: loss,
  cell({ weight, byLoss: { [loss]: own } }) {
    const value = own?.magnitude.value ?? null;
    if (value === null) return own ? UNKNOWN : '';
    return `${value.toExponential(1)}  ${figure((100 * value) / weight)} %`;
  },
});

/** As many columns side by side as there is room for. */
function tables(
  layers: readonly LayerSignals[],
  all: readonly Column[],
  columns: number,
): string[] {
  const lines: string[] = [];
  let rest = all;
  while (rest.length > 0) {
    let count = rest.length;
    let table = tableOf(layers, rest);
    while (count > 1 && table.some((line) => line.length > columns)) {
      table = tableOf(layers, rest.slice(0, --count));
    }
    lines.push(...table);
    rest = rest.slice(count);
  }
  return lines;
}

/** Layers for which all cells are empty are left out. */
function tableOf(layers: readonly LayerSignals[], columns: readonly Column[]): string[] {
  const rows = layers.map((layer) => [layer.layer, ...columns.map(({ cell }) => cell(layer))]);
  const told = rows.filter(([, ...cells]) => cells.some((cell) => cell !== ''));
  const table = [['layer', ...columns.map(({ head }) => head)], ...told];
  return aligned(table, Number.POSITIVE_INFINITY).map((line) => line.trimEnd());
}

const UNKNOWN = '–';

function estimateText({ value, low, high }: Estimate): string {
  if (value === null) return UNKNOWN;
  if (low === null || high === null) return figure(value);
  return `${figure(value)} (${figure(low)} to ${figure(high)})`;
}

/** Two decimals, or two digits where that would be none. */
function figure(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || size >= 0.1) return value.toFixed(size >= 100 ? 0 : 2);
  return size >= 0.001 ? value.toPrecision(2) : value.toExponential(1);
}
