import type { Columns, RunReport } from '../data.js';
import { Chart, type ChartSpec, type Line } from './chart.js';
import { choice, h } from './dom.js';
import { percent, short } from './format.js';
import { runColor } from './theme.js';

interface Options {
  x: 'epoch' | 'step';
  log: 'linear' | 'log';
  smoothing: number;
  hidden: Set<string>;
}

const GROUP = 'training';

/** Losses, errors, learning rate and speed over the training, all runs in each chart. */
export function curves(): { element: HTMLElement; update: (runs: readonly RunReport[]) => void } {
  const options: Options = { x: 'epoch', log: 'linear', smoothing: 0, hidden: new Set() };
  const charts = new Map<string, Chart>();
  const grid = h('div', { class: 'grid charts' });
  const toggles = h('div', { class: 'toggles', role: 'group', 'aria-label': 'runs shown' });
  let current: readonly RunReport[] = [];

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
      ...current.map(({ label }, i) => {
        const box = h('input', {
          type: 'checkbox',
          checked: !options.hidden.has(label),
          onchange: () => {
            if (box.checked) options.hidden.delete(label);
            else options.hidden.add(label);
            draw();
          },
        });
        const dot = h('i', { style: `background:var(${runColor(i)})` });
        return h('label', { class: 'toggle' }, box, dot, label);
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
    h('label', { class: 'field' }, h('span', {}, 'smoothing'), slider),
  );
  const key = h(
    'p',
    { class: 'note' },
    'Thin: training batches as they were seen, augmented. Bold with dots: validation. Drag to zoom, double click to see everything.',
  );
  return {
    element: h('div', {}, controls, key, grid),
    update(runs) {
      const names = (list: readonly RunReport[]): string => list.map(({ label }) => label).join();
      const same = names(runs) === names(current);
      current = runs;
      if (!same || toggles.childElementCount === 0) drawToggles();
      draw();
    },
  };
}

function specsOf(runs: readonly RunReport[], options: Options): ChartSpec[] {
  const losses = [...new Set(runs.flatMap(({ network }) => network.losses.map((l) => l.name)))];
  const column = (name: string, from: (value: number) => number = (v) => v) =>
    linesOf(
      runs,
      options,
      ({ train }) => [train, name, from],
      ({ val }) => [val, name],
    );
  const error = (k: 1 | 5): Line[] => [
    ...linesOf(
      runs,
      options,
      ({ train }) => [train, `top${k}`, (value) => 100 - value],
      ({ val }) => [val, `top${k}_err`],
    ),
    ...emaLines(runs, options, k),
  ];
  const base = { xLabel: options.x, group: GROUP };
  const specs: ChartSpec[] = [
    ...losses.map((loss) => ({
      ...base,
      title: `Loss, ${loss}`,
      note: 'Softmax cross-entropy, without its weight.',
      log: options.log === 'log',
      lines: column(`loss.${loss}`),
    })),
    { ...base, title: 'Top-1 error', format: (v) => percent(v, 1), lines: error(1) },
    { ...base, title: 'Top-5 error', format: (v) => percent(v, 1), lines: error(5) },
    {
      ...base,
      title: 'Learning rate',
      lines: column('lr').map((line) => ({ ...line, style: 'plain' as const })),
    },
    {
      ...base,
      title: 'Throughput',
      note: 'Images per second of training; evaluations, checkpoints and diagnostics left out.',
      format: (v) => `${short(v)}/s`,
      lines: column('imagesPerSecond').map((line) => ({ ...line, style: 'plain' as const })),
    },
    {
      ...base,
      title: 'Waiting for images',
      note: 'Share of the training time.',
      format: (v) => percent(v, 0),
      range: [0, 100],
      lines: column('dataWait', (v) => 100 * v).map((line) => ({
        ...line,
        style: 'plain' as const,
      })),
    },
  ];
  return specs.filter(({ lines }) => lines.length > 0);
}

type Pick = (run: RunReport) => [Columns, string, ((value: number) => number)?];

/** Of each visible run the training values, smoothed, and the validation values. */
function linesOf(runs: readonly RunReport[], options: Options, train: Pick, val: Pick): Line[] {
  return runs.flatMap((run, i) => {
    if (options.hidden.has(run.label)) return [];
    const name = (part: string): string => (runs.length > 1 ? `${run.label}, ${part}` : part);
    const read = ([columns, column, from = (v: number) => v]: ReturnType<Pick>) => {
      const ys = (columns[column] ?? []).map((value) => (value === null ? null : from(value)));
      return { x: columns[options.x] as number[], y: ys };
    };
    const [a, b] = [read(train(run)), read(val(run))];
    const line = { color: runColor(i) };
    const lines: Line[] = [];
    if (a.y.some((value) => value !== null)) {
      const raw = { ...line, ...a, label: name('training') };
      const y = smoothed(a.y, options.smoothing);
      if (options.smoothing > 0) {
        lines.push({ ...raw, style: 'faint', shadow: true });
        lines.push({ ...raw, y, exact: a.y, style: 'plain' });
      } else lines.push({ ...raw, style: 'faint' });
    }
    if (b.y.some((value) => value !== null)) {
      lines.push({ ...line, ...b, label: name('validation'), style: 'bold' });
    }
    return lines;
  });
}

function emaLines(runs: readonly RunReport[], { x, hidden }: Options, k: 1 | 5): Line[] {
  return runs.flatMap(({ label, val }, i): Line[] => {
    const values = val[`top${k}_ema`];
    if (!values || hidden.has(label)) return [];
    const y = values.map((value) => (value === null ? null : 100 - value));
    const name = `${runs.length > 1 ? `${label}, ` : ''}validation of the average weights`;
    return [{ label: name, color: runColor(i), x: val[x] as number[], y, style: 'dashed' }];
  });
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
