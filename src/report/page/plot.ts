import { h, render } from 'preact';
import uPlot from 'uplot';
import type { ChartSpec, Line } from './chart-spec.js';
import { short } from './format.js';
import { color, onTheme } from './theme.js';

/** Pixels: room for the values of the vertical axis. */
const VALUES = 58;

/**
 * The plot of a chart, on a canvas: hover or arrow keys read values, dragging or + and - zoom in x, double click or
 * Escape zoom out. Other data in its place keep the zoom.
 */
export class Plot {
  private u: uPlot | null = null;
  private width = 0;
  private index: number | null = null;
  private zoom: [number, number] | null = null;
  private readonly offTheme = onTheme(() => this.u?.redraw(false));

  /**
   * @param element that it is drawn in
   * @param tip in it: the values at the cursor
   */
  constructor(
    private readonly element: HTMLElement,
    private readonly tip: HTMLElement,
    private spec: ChartSpec,
  ) {}

  show(spec: ChartSpec): void {
    this.spec = spec;
    if (this.width > 0) this.draw();
  }

  resize(width: number): void {
    this.width = width;
    if (this.u) this.u.setSize({ width, height: this.height() });
    else this.draw();
  }

  end(): void {
    this.offTheme();
    this.u?.destroy();
  }

  private height(): number {
    return this.spec.height ?? 260;
  }

  private draw(): void {
    this.u?.destroy();
    this.tip.hidden = true;
    this.index = null;
    this.u = new uPlot(this.options(), this.data(), this.element);
    if (this.zoom) this.u.setScale('x', { min: this.zoom[0], max: this.zoom[1] });
  }

  private data(): uPlot.AlignedData {
    const tables = this.spec.lines.map(
      ({ x, y }): uPlot.AlignedData => [
        [...x],
        y.map((value) => (value === null || (this.spec.log && value <= 0) ? null : value)),
      ],
    );
    return tables.length === 0 ? [[0]] : uPlot.join([...tables, ...this.bands().map(edges)]);
  }

  /** Lines with a band. Its edges are series behind those of all lines, two for each, in this order. */
  private bands(): Band[] {
    const { lines, log } = this.spec;
    return lines.flatMap((line) => {
      const { spread, interval } = line;
      if (!(spread || interval) || line.shadow) return [];
      const at = (side: 1 | -1) => (value: number | null, i: number) => {
        if (value === null || (log && value <= 0)) return null;
        const end = interval?.[i]?.[side === 1 ? 1 : 0];
        const edge = end ?? value + side * (spread?.[i] ?? 0);
        return log ? Math.max(edge, value / 10) : edge; // a logarithmic axis has no zero
      };
      return [{ line, high: line.y.map(at(1)), low: line.y.map(at(-1)) }];
    });
  }

  private options(): uPlot.Options {
    const { lines, categories, log, range, group, xLabel, yLabel } = this.spec;
    const bands = this.bands();
    const ink = (): string => color('--muted');
    const grid = { stroke: () => color('--grid'), width: 1 };
    const font = '12px system-ui, sans-serif';
    const title = { labelFont: `600 ${font}`, labelSize: 18, labelGap: 2 };
    const axis = { stroke: ink, grid, ticks: { ...grid, size: 5 }, font, ...title };
    const format = this.spec.format ?? short;
    return {
      width: this.width,
      height: this.height(),
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: {
        drag: { x: !categories, y: false },
        dataIdx: (u, series, at) => (series > lines.length ? null : nearest(u.data[series]!, at)), // bands have no points
        points: { size: 7 },
        ...(group ? { sync: { key: group, scales: ['x', null] } } : {}),
      },
      scales: {
        x: categories ? { time: false, range: [-0.5, categories.length - 0.5] } : { time: false },
        y: log
          ? { distr: 3, log: 10 }
          : range
            ? { range }
            : { range: (_u, low, high) => uPlot.rangeNum(low, high, 0.08, true) },
      },
      axes: [
        categories
          ? { ...axis, ...categoryAxis(categories, this.width), label: xLabel }
          : { ...axis, space: 60, size: 30, label: xLabel },
        {
          ...axis,
          label: yLabel,
          size: VALUES,
          values: (_u, splits) =>
            splits.map((value) => (value === null || value === undefined ? '' : format(value))),
        },
      ],
      series: [
        {},
        ...lines.map((line) => seriesOf(line)),
        ...bands.flatMap(() => [
          { width: 0, points: { show: false } },
          { width: 0, points: { show: false } },
        ]),
      ],
      bands: bands.map(({ line }, i): uPlot.Band => {
        const high = lines.length + 1 + 2 * i;
        const fill = (): string => `${css(line.color)}${line.style === 'bold' ? '30' : '16'}`;
        return { series: [high, high + 1], fill };
      }),
      hooks: {
        setCursor: [(u) => this.showTip(u)],
        setScale: [
          (u, key) => {
            if (key !== 'x' || categories) return;
            const { min, max } = u.scales.x!;
            const all = u.data[0];
            const whole = min! <= all[0]! && max! >= all.at(-1)!;
            this.zoom = whole ? null : [min!, max!];
          },
        ],
      },
    };
  }

  private showTip(u: uPlot): void {
    const { idx, left } = u.cursor;
    this.tip.hidden = idx === null || idx === undefined || (left ?? -1) < 0;
    if (this.tip.hidden) return;
    this.index = idx!;
    const { lines, categories, xLabel } = this.spec;
    const format = this.spec.format ?? short;
    const x = u.data[0][idx!]!;
    const named = lines.flatMap((line, i) => {
      const at = nearest(u.data[i + 1]!, idx!);
      const value = u.data[i + 1]![at];
      return line.shadow || value === null || value === undefined
        ? []
        : [{ line, value, where: u.data[0][at]! }];
    });
    const place = (at: number): string => categories?.[at] ?? String(Number(at.toFixed(3)));
    render(
      [
        h('strong', null, categories ? place(x) : `${xLabel} ${place(x)}`),
        named.map(({ line, value, where }) =>
          h(
            'div',
            null,
            h('i', { style: `background:${css(line.color)}`, class: line.style }),
            h('span', null, line.label),
            h('b', null, format(value)),
            h('small', null, spreadAt(line, where, format)),
            where !== x && h('small', null, ` at ${place(where)}`),
          ),
        ),
      ],
      this.tip,
    );
    const { width } = this.element.getBoundingClientRect();
    const at = left! + VALUES + 18;
    const box = this.tip.offsetWidth;
    const beside = at + 14 + box > width ? at - box - 14 : at + 14;
    this.tip.style.left = `${Math.max(0, Math.min(width - box, beside))}px`;
  }

  leave(): void {
    this.u?.setCursor({ left: -10, top: -10 });
    this.index = null;
  }

  key(event: KeyboardEvent): void {
    const { u } = this;
    if (!u || event.ctrlKey || event.metaKey || event.altKey) return;
    const xs = u.data[0];
    const last = xs.length - 1;
    const by = event.shiftKey ? 10 : 1;
    const to = (index: number): void => {
      const x = xs[Math.max(0, Math.min(last, index))]!;
      u.setCursor({ left: u.valToPos(x, 'x'), top: u.bbox.height / devicePixelRatio / 2 });
    };
    const actions: Record<string, () => void> = {
      ArrowLeft: () => to((this.index ?? last + 1) - by),
      ArrowRight: () => to((this.index ?? -1) + by),
      Home: () => to(0),
      End: () => to(last),
      '+': () => this.zoomBy(0.5),
      '-': () => this.zoomBy(2),
      Escape: () => {
        this.leave();
        u.setScale('x', { min: xs[0]!, max: xs[last]! });
      },
    };
    const action = actions[event.key === '=' ? '+' : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  private zoomBy(factor: number): void {
    const { u } = this;
    if (!u || this.spec.categories) return;
    const xs = u.data[0];
    const { min, max } = u.scales.x!;
    const centre = this.index === null ? (min! + max!) / 2 : xs[this.index]!;
    const low = Math.max(xs[0]!, centre - (centre - min!) * factor);
    const high = Math.min(xs.at(-1)!, centre + (max! - centre) * factor);
    if (high > low) u.setScale('x', { min: low, max: high });
  }
}

interface Band {
  line: Line;
  high: (number | null)[];
  low: (number | null)[];
}

const edges = ({ line, high, low }: Band): uPlot.AlignedData => [[...line.x], high, low];

/** ` ± 2.9 %` at a place where the line is a mean of several, ` (0.1 to 0.4)` where it has an interval. */
function spreadAt(
  { x, spread, interval }: Line,
  at: number,
  format: (value: number) => string,
): string {
  const ends = interval?.[x.indexOf(at)];
  if (ends) return ` (${format(ends[0])} to ${format(ends[1])})`;
  const value = spread?.[x.indexOf(at)];
  return value === undefined ? '' : ` ± ${format(value)}`;
}

const css = (name: string): string => (name.startsWith('--') ? color(name) : name);

function seriesOf({ label, color: name, style, shadow }: Line): uPlot.Series {
  const stroke = (): string => css(name);
  return {
    label,
    stroke,
    width: { faint: 1, plain: 1.75, bold: 2.25, dashed: 2 }[style],
    alpha: shadow ? 0.22 : style === 'faint' ? 0.6 : 1,
    ...(style === 'dashed' ? { dash: [6, 4] } : {}),
    points: { show: style === 'bold', size: 6, fill: stroke, stroke },
  };
}

/** All names if there is room for them, else every second, third, … */
function categoryAxis(names: readonly string[], width: number): uPlot.Axis {
  const every = Math.ceil(names.length / Math.max(1, Math.floor((width - 80) / 16)));
  const longest = Math.max(...names.map((name) => name.length), 1);
  return {
    splits: names.map((_, i) => i).filter((i) => i % every === 0),
    values: (_u, splits) => splits.map((i) => names[i] ?? ''),
    rotate: 55,
    size: Math.min(140, 14 + 5.2 * longest),
    gap: 2,
    space: 1,
  };
}

/** The index nearest to `at` that has a value; `at` if none has. */
function nearest(values: ArrayLike<number | null | undefined>, at: number): number {
  for (let away = 0; away < values.length; away++) {
    for (const i of [at - away, at + away]) {
      if (values[i] !== null && values[i] !== undefined) return i;
    }
  }
  return at;
}
