import { h, type JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { GradientRow, LayerGradients } from '../../run/gradient-row.js';
import type { RunReport } from '../page-data.js';
import { Chart } from './chart.js';
import type { ChartSpec, Line } from './chart-spec.js';
import { choice, typedIn } from './controls.js';
import { short } from './format.js';
import { lossColor } from './theme.js';

type Measure = 'gradient' | 'ratio';

/** Iterations drawn over each other. */
const SHOWN = 6;

/** The paper's Figure 1 for one run: gradients layer by layer, in total and by loss, and the angle between losses. */
export function Gradients({ run }: { run: RunReport }): JSX.Element {
  if (run.gradients.length > 0) return h(Recorded, { run });
  return h(
    'p',
    { class: 'empty' },
    'Not recorded. Set ',
    h('code', null, 'diagnostics: {gradients: every 100 steps}'),
    ' in the config to measure them during training; the training itself stays the same.',
  );
}

function Recorded({ run }: { run: RunReport }): JSX.Element {
  const rows = run.gradients;
  const [measure, onChoose] = useState<Measure>('gradient');
  const [at, setAt] = useState(rows.length - 1);
  const over = useMemo(() => overIterations(run, measure), [run, measure]);
  const byLoss = useMemo(() => ofLosses(run, rows[at]!, measure), [run, rows, at, measure]);
  const cosines = useMemo(() => cosineSpecs(rows), [rows]);
  const slider = h('input', {
    type: 'range',
    min: 0,
    max: rows.length - 1,
    value: at,
    'aria-label': 'step of the chart by loss',
    onInput: (event: Event) => setAt(Number(typedIn(event))),
  });
  const options = [
    ['gradient', 'mean |gradient|'],
    ['ratio', 'relative to mean |weight|'],
  ] as const;
  return h(
    'div',
    null,
    h(
      'div',
      { class: 'controls' },
      choice<Measure>({ label: 'measure', options, chosen: measure, onChoose }),
      h(
        'label',
        { class: 'field' },
        h('span', null, 'by loss at'),
        slider,
        h('output', null, `step ${rows[at]!.step}`),
      ),
    ),
    h(
      'div',
      { class: 'grid charts' },
      h(Chart, { spec: over }),
      h(Chart, { spec: byLoss }),
      cosines.map((spec) => h(Chart, { spec, key: spec.title })),
    ),
    cosines.length === 0 &&
      h(
        'p',
        { class: 'note' },
        'No layer is trained by more than one loss, so there is no angle between gradients.',
      ),
  );
}

const measured = ({ weight }: LayerGradients, gradient: number, measure: Measure): number =>
  measure === 'gradient' ? gradient : gradient / weight;

const titleOf = (measure: Measure): string =>
  measure === 'gradient' ? 'Mean |gradient|' : 'Mean |gradient| over mean |weight|';

/** A chart with the layers along its horizontal axis. */
const overLayers = (categories: string[], measure: Measure) => ({
  xLabel: 'layer',
  yLabel: measure === 'gradient' ? 'mean |gradient|' : 'mean |gradient| / mean |weight|',
  categories,
  log: true,
  format: short,
  height: 320,
  legend: true,
});

function overIterations(run: RunReport, measure: Measure): ChartSpec {
  const names = namesOf(run);
  const picked = pick(run.gradients);
  return {
    title: `${titleOf(measure)} at several steps`,
    note: 'Of what the update uses: the sum over the losses. Layers from input to output.',
    ...overLayers(names, measure),
    lines: picked.map((row, i) => ({
      label: `step ${row.step}`,
      color: `--scale-${Math.round((i * 5) / Math.max(1, picked.length - 1))}`,
      x: names.map((_, at) => at),
      y: valuesOf(row, names, (layer) => measured(layer, layer.gradient, measure)),
      style: 'bold',
    })),
  };
}

function ofLosses(run: RunReport, row: GradientRow, measure: Measure): ChartSpec {
  const names = namesOf(run);
  const x = names.map((_, at) => at);
  const lines: Line[] = run.network.losses.map(({ name }, i) => ({
    label: name,
    color: lossColor(i),
    x,
    y: valuesOf(row, names, (layer) => {
      const share = Object.hasOwn(layer.byLoss, name) ? layer.byLoss[name] : undefined;
      return share === undefined ? null : measured(layer, share, measure);
    }),
    style: 'bold',
  }));
  const total: Line = {
    label: 'total',
    color: '--ink',
    x,
    y: valuesOf(row, names, (layer) => measured(layer, layer.gradient, measure)),
    style: 'dashed',
  };
  return {
    title: `${titleOf(measure)} by loss, step ${row.step}`,
    note: "Each loss's share, its weight included; a line ends where the loss's range does.",
    ...overLayers(names, measure),
    lines: [...lines, total],
  };
}

/** For each pair of losses the cosine over the training, a line per layer of their overlap. */
function cosineSpecs(rows: readonly GradientRow[]): ChartSpec[] {
  const pairs = new Map<string, string[]>();
  for (const { layer, cosines } of rows.flatMap((row) => row.layers)) {
    for (const { losses } of cosines ?? []) {
      const layers = pairs.get(losses.join(' and ')) ?? [];
      if (!layers.includes(layer)) layers.push(layer);
      pairs.set(losses.join(' and '), layers);
    }
  }
  return [...pairs].map(([pair, layers]) => ({
    title: `Cosine between the gradients of ${pair}`,
    note: 'In each layer of their overlap: 1 where the losses pull the same way, 0 where at right angles.',
    xLabel: 'step',
    yLabel: 'cosine',
    height: 320,
    legend: true,
    format: (value) => value.toFixed(2),
    lines: layers.map((name, i) => ({
      label: name,
      color: `--scale-${Math.round((i * 5) / Math.max(1, layers.length - 1))}`,
      x: rows.map(({ step }) => step),
      y: rows.map((row) => {
        const layer = row.layers.find((candidate) => candidate.layer === name);
        const found = layer?.cosines?.find(({ losses }) => losses.join(' and ') === pair);
        return found?.cosine ?? null;
      }),
      style: 'bold',
    })),
  }));
}

/** Layers of the trunk, then of each head, with a gap between. */
function namesOf({ gradients, network }: RunReport): string[] {
  const names = [...new Set(gradients.flatMap((row) => row.layers.map(({ layer }) => layer)))];
  const headOf = (name: string): string =>
    network.losses.find((loss) => name.startsWith(`${loss.name}.`))?.name ?? '';
  return names.flatMap((name, i) =>
    i > 0 && headOf(name) !== headOf(names[i - 1]!) ? ['', name] : [name],
  );
}

function valuesOf(
  row: GradientRow,
  names: readonly string[],
  value: (layer: LayerGradients) => number | null,
): (number | null)[] {
  const found = new Map(row.layers.map((layer) => [layer.layer, layer]));
  return names.map((name) => {
    const layer = found.get(name);
    return layer ? value(layer) : null;
  });
}

/** The first, the last, and some between, evenly. */
function pick(rows: readonly GradientRow[]): GradientRow[] {
  if (rows.length <= SHOWN) return [...rows];
  return Array.from({ length: SHOWN }, (_, i) => {
    return rows[Math.round((i * (rows.length - 1)) / (SHOWN - 1))]!;
  });
}
