import { h, type JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { suggestionsOf } from '../../probe/suggestion.js';
import { SUGGESTION_TITLE, suggestionTexts } from '../../probe/suggestion-text.js';
import type { Estimate, LayerSignals, SignalRow } from '../../run/signal-row.js';
import type { RunReport } from '../page-data.js';
import { Chart } from './chart.js';
import type { ChartSpec, Line } from './chart-spec.js';
import { typedIn } from './controls.js';
import { short } from './format.js';
import { lossColor } from './theme.js';

/** How far each loss's signal carries, layer by layer and over the training (docs/probe.md). */
export function Signals({ run }: { run: RunReport }): JSX.Element {
  if (run.signals.length > 0) return h(Measured, { run });
  return h(
    'p',
    { class: 'empty' },
    'Not measured. Set ',
    h('code', null, 'diagnostics: {signals: {every: 2 epochs}}'),
    " in the config to measure how far each loss's signal carries; the training itself stays the same.",
  );
}

function Measured({ run }: { run: RunReport }): JSX.Element {
  const rows = run.signals;
  const [at, setAt] = useState(rows.length - 1);
  const row = rows[Math.min(at, rows.length - 1)]!;
  const byLayer = useMemo(() => signalSpec(run, row), [run, row]);
  const cosines = useMemo(() => cosineSpec(row), [row]);
  const over = useMemo(() => overTime(run), [run]);
  const slider = h('input', {
    type: 'range',
    min: 0,
    max: rows.length - 1,
    value: at,
    'aria-label': 'step of the charts by layer',
    onInput: (event: Event) => setAt(Number(typedIn(event))),
  });
  return h(
    'div',
    null,
    rows.length > 1 &&
      h(
        'div',
        { class: 'controls' },
        h(
          'label',
          { class: 'field' },
          h('span', null, 'by layer at'),
          slider,
          h('output', null, `step ${row.step}`),
        ),
      ),
    h(
      'div',
      { class: 'grid charts' },
      h(Chart, { spec: byLayer }),
      cosines.lines.length > 0 && h(Chart, { spec: cosines }),
      over.map((spec) => h(Chart, { spec, key: spec.title })),
    ),
    h(Suggestions, { row }),
  );
}

function Suggestions({ row }: { row: SignalRow }): JSX.Element | null {
  const texts = suggestionsOf(row).map(suggestionTexts);
  if (texts.length === 0) return null;
  return h(
    'div',
    { class: 'note' },
    h('p', null, `At step ${row.step} ${SUGGESTION_TITLE}:`),
    texts.map(([found, ...rest]) => [
      h('p', null, found),
      h(
        'ul',
        null,
        rest.map((text) => h('li', null, text)),
      ),
    ]),
  );
}

/** What charts by layer have in common. */
const overLayers = (row: SignalRow) => ({
  xLabel: 'layer',
  categories: row.layers.map(({ layer }) => layer),
  height: 320,
  legend: true,
});

function signalSpec(run: RunReport, row: SignalRow): ChartSpec {
  const lines = row.losses.flatMap(({ name }) => {
    const own = (inRange: boolean) => (layer: LayerSignals) => {
      const found = ownOf(layer, name);
      return found?.inRange === inRange ? found.signalToNoise : undefined;
    };
    const color = colorOf(run, name);
    const beyond = `${name}, beyond its range`;
    return [
      estimatesOf(row, own(true), { label: name, color, style: 'bold' }),
      estimatesOf(row, own(false), { label: beyond, color, style: 'dashed' }),
    ];
  });
  return {
    title: `How far each loss's signal carries, step ${row.step}`,
    note: `Norm of the mean gradient over the spread of a batch around it, with 95 % intervals, over ${row.batches} batches of ${row.batchSize} images. Layers from input to output.`,
    ...overLayers(row),
    yLabel: 'signal to noise',
    format: short,
    lines: lines.filter(isThere),
  };
}

/** Between each two losses in the layers that both meet. */
function cosineSpec(row: SignalRow): ChartSpec {
  const pairs = new Set(row.layers.flatMap(({ pairs: own }) => own.map(pairName)));
  const lines = [...pairs].map((name, i) =>
    estimatesOf(row, ({ pairs: own }) => own.find((pair) => pairName(pair) === name)?.cosine, {
      label: name,
      color: `--scale-${(3 + i) % 6}`,
      style: 'bold',
    }),
  );
  return {
    title: `Cosine between the losses' mean gradients, step ${row.step}`,
    note: 'Beyond the ranges, too: 1 where two losses pull the same way, 0 where at right angles, -1 where against each other. With 95 % intervals.',
    ...overLayers(row),
    yLabel: 'cosine',
    format: (value) => value.toFixed(2),
    lines: lines.filter(isThere),
  };
}

/** For each loss its signal over the training, a line per layer; none of a single row. */
function overTime(run: RunReport): ChartSpec[] {
  const rows = run.signals;
  if (rows.length < 2) return [];
  return run.network.losses.flatMap(({ name }): ChartSpec[] => {
    const met = rows.flatMap(({ layers }) => layers.filter((layer) => ownOf(layer, name)));
    const names = [...new Set(met.map(({ layer }) => layer))];
    if (names.length === 0) return [];
    return [
      {
        title: `Signal to noise of ${name} over the training`,
        note: 'A line per layer, from input to output.',
        xLabel: 'step',
        yLabel: 'signal to noise',
        height: 320,
        legend: true,
        format: short,
        lines: names.map((layer, i) => ({
          label: layer,
          color: `--scale-${Math.round((i * 5) / Math.max(1, names.length - 1))}`,
          x: rows.map(({ step }) => step),
          y: rows.map(({ layers }) => {
            const found = layers.find((one) => one.layer === layer);
            return (found && ownOf(found, name)?.signalToNoise.value) ?? null;
          }),
          style: 'bold',
        })),
      },
    ];
  });
}

function estimatesOf(
  { layers }: SignalRow,
  estimate: (layer: LayerSignals) => Estimate | undefined,
  look: Pick<Line, 'label' | 'color' | 'style'>,
): Line {
  const found = layers.map(estimate);
  return {
    ...look,
    x: layers.map((_, at) => at),
    y: found.map((one) => one?.value ?? null),
    interval: found.map((one) => {
      return one && one.low !== null && one.high !== null ? [one.low, one.high] : null;
    }),
  };
}

const isThere = ({ y }: Line): boolean => y.some((value) => value !== null);

const ownOf = ({ byLoss }: LayerSignals, loss: string) =>
  Object.hasOwn(byLoss, loss) ? byLoss[loss] : undefined;

const pairName = ({ losses }: { losses: readonly string[] }): string => losses.join(' and ');

const colorOf = ({ network }: RunReport, loss: string): string =>
  lossColor(
    Math.max(
      0,
      network.losses.findIndex(({ name }) => name === loss),
    ),
  );
