import { h, type JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { Columns, RunReport } from '../page-data.js';
import { Chart } from './chart.js';
import type { ChartSpec, Line } from './chart-spec.js';
import { choice, typedIn } from './controls.js';
import { percent } from './format.js';
import { across, type Group, type Series, titleOf } from './group.js';

interface Options {
  x: 'epoch' | 'step';
  log: 'linear' | 'log';
  smoothing: number;
  /** The mean of a group's seeds, or each of them. */
  seeds: 'mean' | 'each';
  /** Labels of groups. */
  hidden: ReadonlySet<string>;
}

const GROUP = 'training';

const BEGINNING: Options = {
  x: 'epoch',
  log: 'linear',
  smoothing: 0,
  seeds: 'mean',
  hidden: new Set(),
};

/** Losses, accuracies, learning rate and speed over the training, all runs in each chart. */
export function Curves({ groups }: { groups: readonly Group[] }): JSX.Element {
  const [options, setOptions] = useState(BEGINNING);
  const set = (changed: Partial<Options>): void => setOptions((now) => ({ ...now, ...changed }));
  const specs = useMemo(() => specsOf(groups, options), [groups, options]);
  const single = groups.every(({ runs }) => runs.length === 1);
  return h(
    'div',
    null,
    h('div', { class: 'controls' }, controls(groups, options, set, single)),
    h(
      'p',
      { class: 'note' },
      'Thin: training batches as they were seen, augmented. Bold with dots: validation. Drag to zoom, double click to see everything.',
      h('span', { hidden: single }, BANDS),
    ),
    h(
      'div',
      { class: 'grid charts' },
      specs.map((spec) => h(Chart, { spec, key: spec.title })),
    ),
  );
}

const BANDS =
  ' Runs that differ by their seed alone are one line, their mean, with a band of one standard deviation (n − 1) on either side, where all of them have a value.';

function controls(
  groups: readonly Group[],
  options: Options,
  set: (changed: Partial<Options>) => void,
  single: boolean,
): JSX.Element[] {
  const slider = h('input', {
    type: 'range',
    min: 0,
    max: 0.95,
    step: 0.05,
    value: options.smoothing,
    onInput: (event: Event) => set({ smoothing: Number(typedIn(event)) }),
  });
  const seeds = choice<Options['seeds']>({
    label: 'runs of one config',
    options: [
      ['mean', 'mean of seeds'],
      ['each', 'each seed'],
    ],
    chosen: options.seeds,
    onChoose: (chosen) => set({ seeds: chosen }),
  });
  return [
    toggles(groups, options, set),
    choice<Options['x']>({
      label: 'horizontal axis',
      options: [
        ['epoch', 'epochs'],
        ['step', 'steps'],
      ],
      chosen: options.x,
      onChoose: (x) => set({ x }),
    }),
    choice<Options['log']>({
      label: 'loss axis',
      options: [
        ['linear', 'linear'],
        ['log', 'log loss'],
      ],
      chosen: options.log,
      onChoose: (log) => set({ log }),
    }),
    ...(single ? [] : [seeds]),
    h('label', { class: 'field' }, h('span', null, 'smoothing'), slider),
  ];
}

/** Which runs are shown, where there are several. */
function toggles(
  groups: readonly Group[],
  { hidden }: Options,
  set: (changed: Partial<Options>) => void,
): JSX.Element {
  const toggle = (label: string): void =>
    set({
      hidden: new Set(
        hidden.has(label) ? [...hidden].filter((each) => each !== label) : [...hidden, label],
      ),
    });
  return h(
    'div',
    { class: 'toggles', role: 'group', 'aria-label': 'runs shown', hidden: groups.length < 2 },
    groups.map((group) => {
      const { label, color } = group;
      return h(
        'label',
        { class: 'toggle', key: label },
        h('input', {
          type: 'checkbox',
          checked: !hidden.has(label),
          onChange: () => toggle(label),
        }),
        h('i', { style: `background:var(${color})` }),
        titleOf(group),
      );
    }),
  );
}

function specsOf(groups: readonly Group[], options: Options): ChartSpec[] {
  const shown = groups.filter(({ label }) => !options.hidden.has(label));
  const runs = groups.flatMap((group) => group.runs);
  const losses = [...new Set(runs.flatMap(({ network }) => network.losses.map((l) => l.name)))];
  const named = groups.length > 1 || groups.some((group) => group.runs.length > 1);
  const lines = (part: string, style: Line['style'], pick: Pick): Line[] =>
    shown.flatMap((group) => linesOf(group, { ...options, part, style, pick, named }));
  const train = (column: string, style: Line['style'] = 'faint', times = 1): Line[] =>
    lines('training', style, ({ train }) => [train, column, times]);
  const val = (column: string): Line[] => lines('validation', 'bold', ({ val }) => [val, column]);
  const accuracy = (k: 1 | 5): Line[] => [
    ...train(`top${k}`),
    ...val(`top${k}`),
    ...lines('validation of the average weights', 'dashed', ({ val }) => [val, `top${k}_ema`]),
  ];
  const base = { xLabel: options.x, group: GROUP };
  const waiting = (what: string, column: string, note: string): ChartSpec => ({
    ...base,
    title: `Waiting for ${what}`,
    yLabel: 'share of the time',
    note,
    format: (v) => percent(v, 0),
    range: [0, 100],
    lines: train(column, 'plain', 100),
  });
  const specs: ChartSpec[] = [
    ...losses.map((loss) => ({
      ...base,
      title: `Loss, ${loss}`,
      yLabel: 'loss',
      note: 'Softmax cross-entropy, without its weight.',
      log: options.log === 'log',
      lines: [...train(`loss.${loss}`), ...val(`loss.${loss}`)],
    })),
    ...([1, 5] as const).map((k) => ({
      ...base,
      title: `Top-${k} accuracy`,
      yLabel: `top-${k} accuracy`,
      format: (v: number) => percent(v, 1),
      lines: accuracy(k),
    })),
    {
      ...base,
      title: 'Learning rate',
      yLabel: 'learning rate',
      note: schedulesOf(shown),
      lines: train('lr', 'plain'),
    },
    ...losses.map((loss) => ({
      ...base,
      title: `Weight of ${loss}`,
      yLabel: 'weight',
      note: 'Of a loss that changes over the training.',
      lines: train(`weight.${loss}`, 'plain'),
    })),
    {
      ...base,
      title: 'Throughput',
      yLabel: 'images per second',
      note: 'Images per second of training; evaluations, checkpoints and diagnostics left out.',
      lines: train('imagesPerSecond', 'plain'),
    },
    waiting('images', 'dataWait', 'Share of the training time.'),
    waiting(
      'other ranks',
      'rankWait',
      'Share of the training time that rank 0 waited for the others; only of trainings by several.',
    ),
  ];
  return specs.filter((spec) => spec.lines.length > 0);
}

/** The columns that a line shows, the one of them, and what its values are multiplied by. */
type Pick = (run: RunReport) => [columns: Columns, column: string, times?: number];

/** A line for the mean of the group's seeds, or one for each of its runs. */
function linesOf(
  group: Group,
  of: Options & { part: string; style: Line['style']; pick: Pick; named: boolean },
): Line[] {
  const { x, seeds, smoothing, part, style, pick, named } = of;
  const { runs, color } = group;
  const series = runs.map((run): Series => {
    const [columns, column, times = 1] = pick(run);
    const values = columns[column] ?? [];
    const y = values.map((value) => (value === null ? null : times * value));
    return { x: columns[x] as number[], y };
  });
  const line = (label: string, at: Series): Line => {
    return { ...at, label: named ? `${label}, ${part}` : part, color, style };
  };
  if (runs.length === 1 || seeds === 'each') {
    return runs.flatMap((run, i) => {
      const one = series[i]!;
      return one.y.some((value) => value !== null) ? drawn(line(run.label, one), smoothing) : [];
    });
  }
  const { x: at, mean, std } = across(series);
  if (at.length === 0) return [];
  return drawn({ ...line(`mean of ${group.label}`, { x: at, y: mean }), spread: std }, smoothing);
}

/** Training values are smoothed if asked for, the raw ones remain as a shadow. */
function drawn(line: Line, smoothing: number): Line[] {
  if (smoothing === 0 || line.style === 'bold' || line.style === 'dashed') return [line];
  return [
    { ...line, style: 'faint', shadow: true },
    { ...line, y: smoothed(line.y, smoothing), exact: line.y, style: 'plain' },
  ];
}

/** How the rate is to go on, once for groups with the same schedule. */
function schedulesOf(groups: readonly Group[]): string {
  const texts = new Map<string, string[]>();
  for (const { label, runs } of groups) {
    const { schedule } = runs[0]!.facts;
    texts.set(schedule, [...(texts.get(schedule) ?? []), label]);
  }
  return [...texts]
    .map(([text, labels]) => (texts.size > 1 ? `${labels.join(', ')}: ${text}` : text))
    .join('; ');
}

/** Exponential moving average, without the bias towards its start. */
export function smoothed(values: readonly (number | null)[], share: number): (number | null)[] {
  let [sum, weight] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    sum = share * sum + (1 - share) * value;
    weight = share * weight + (1 - share);
    return sum / weight;
  });
}
