import type { Columns, RunReport } from '../page-data.js';
import { Chart, type ChartSpec, type Line } from './chart.js';
import { choice, h } from './dom.js';
import { percent } from './format.js';
import { across, type Group, type Series, titleOf } from './group.js';

interface Options {
  x: 'epoch' | 'step';
  log: 'linear' | 'log';
  smoothing: number;
  /** The mean of a group's seeds, or each of them. */
  seeds: 'mean' | 'each';
  /** Labels of groups. */
  hidden: Set<string>;
}

const GROUP = 'training';

/** Losses, accuracies, learning rate and speed over the training, all runs in each chart. */
export function curves(): { element: HTMLElement; update: (groups: readonly Group[]) => void } {
  const options: Options = {
    x: 'epoch',
    log: 'linear',
    smoothing: 0,
    seeds: 'mean',
    hidden: new Set(),
  };
  const charts = new Map<string, Chart>();
  const grid = h('div', { class: 'grid charts' });
  const toggles = h('div', { class: 'toggles', role: 'group', 'aria-label': 'runs shown' });
  let current: readonly Group[] = [];

  const draw = (): void => {
    const specs = specsOf(current, options);
    for (const [title, chart] of charts) {
      if (specs.some((spec) => spec.title === title)) continue;
      chart.element.remove();
      charts.delete(title);
    }
    for (const spec of specs) {
      const chart = charts.get(spec.title);
      if (chart) chart.update(spec);
      else {
        const made = new Chart(spec);
        charts.set(spec.title, made);
        grid.append(made.element);
      }
    }
  };
  const drawToggles = (): void => {
    toggles.hidden = current.length < 2;
    toggles.replaceChildren(
      ...current.map((group) => {
        const { label, color } = group;
        const box = h('input', {
          type: 'checkbox',
          checked: !options.hidden.has(label),
          onchange: () => {
            if (box.checked) options.hidden.delete(label);
            else options.hidden.add(label);
            draw();
          },
        });
        const dot = h('i', { style: `background:var(${color})` });
        return h('label', { class: 'toggle' }, box, dot, titleOf(group));
      }),
    );
  };
  const slider = h('input', {
    type: 'range',
    min: 0,
    max: 0.95,
    step: 0.05,
    value: 0,
    oninput: () => {
      options.smoothing = Number(slider.value);
      draw();
    },
  });
  const seeds = choice(
    'runs of one config',
    [
      ['mean', 'mean of seeds'],
      ['each', 'each seed'],
    ] as const,
    'mean',
    (chosen) => {
      options.seeds = chosen;
      draw();
    },
  );
  const bands = h(
    'span',
    {},
    ' Runs that differ by their seed alone are one line, their mean, with a band of one standard deviation (n − 1) on either side, where all of them have a value.',
  );
  const controls = h(
    'div',
    { class: 'controls' },
    toggles,
    choice(
      'horizontal axis',
      [
        ['epoch', 'epochs'],
        ['step', 'steps'],
      ] as const,
      'epoch',
      (x) => {
        options.x = x;
        draw();
      },
    ),
    choice(
      'loss axis',
      [
        ['linear', 'linear'],
        ['log', 'log loss'],
      ] as const,
      'linear',
      (log) => {
        options.log = log;
        draw();
      },
    ),
    seeds,
    h('label', { class: 'field' }, h('span', {}, 'smoothing'), slider),
  );
  const key = h(
    'p',
    { class: 'note' },
    'Thin: training batches as they were seen, augmented. Bold with dots: validation. Drag to zoom, double click to see everything.',
    bands,
  );
  return {
    element: h('div', {}, controls, key, grid),
    update(groups) {
      const names = (list: readonly Group[]): string => list.map(titleOf).join();
      const same = names(groups) === names(current);
      current = groups;
      seeds.hidden = groups.every(({ runs }) => runs.length === 1);
      bands.hidden = seeds.hidden;
      if (!same || toggles.childElementCount === 0) drawToggles();
      draw();
    },
  };
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
    {
      ...base,
      title: 'Throughput',
      yLabel: 'images per second',
      note: 'Images per second of training; evaluations, checkpoints and diagnostics left out.',
      lines: train('imagesPerSecond', 'plain'),
    },
    {
      ...base,
      title: 'Waiting for images',
      yLabel: 'share of the time',
      note: 'Share of the training time.',
      format: (v) => percent(v, 0),
      range: [0, 100],
      lines: train('dataWait', 'plain', 100),
    },
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
