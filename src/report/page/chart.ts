import { h, type JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { ChartSpec } from './chart-spec.js';
import { Numbers } from './controls.js';
import { Plot } from './plot.js';
import { useWidth } from './width.js';

const ROWS_SHOWN = 1000;

/** A line chart with its title, legend, note and numbers. Another spec is drawn in its place and keeps the zoom. */
export function Chart({ spec }: { spec: ChartSpec }): JSX.Element {
  const [element, tip] = [useRef<HTMLDivElement>(null), useRef<HTMLDivElement>(null)];
  const plot = useRef<Plot | null>(null);
  const width = useWidth(element);
  useLayoutEffect(() => {
    const made = new Plot(element.current!, tip.current!, spec);
    plot.current = made;
    return () => made.end();
  }, []);
  useLayoutEffect(() => plot.current!.show(spec), [spec]);
  useLayoutEffect(() => {
    if (width > 0) plot.current!.resize(width);
  }, [width]);
  const hint = 'arrow keys read values, plus and minus zoom, Escape shows everything';
  return h(
    'figure',
    { class: 'chart' },
    h('h3', null, spec.title),
    h('div', { class: 'legend', 'aria-hidden': 'true', hidden: !spec.legend }, legendOf(spec)),
    h(
      'div',
      {
        ref: element,
        class: 'plot',
        tabindex: 0,
        role: 'group',
        'aria-label': `chart: ${spec.title}; ${hint}`,
        onKeyDown: (event: KeyboardEvent) => plot.current?.key(event),
        onBlur: () => plot.current?.leave(),
      },
      h('div', { ref: tip, class: 'tip', 'aria-live': 'polite', hidden: true }),
    ),
    h('p', { class: 'note', hidden: !spec.note }, spec.note),
    h(Numbers, { caption: spec.title, make: () => numbersOf(spec) }),
  );
}

const legendOf = ({ lines }: ChartSpec): JSX.Element[] =>
  lines.map(({ label, color, style }) => {
    const background = color.startsWith('--') ? `var(${color})` : color;
    return h('span', null, h('i', { class: style, style: `background:${background}` }), label);
  });

function numbersOf({ xLabel, categories, lines }: ChartSpec) {
  const named = lines.filter(({ shadow }) => !shadow);
  const columns = named.flatMap(
    ({ label, x, y, exact, spread, interval, spreadName = 'standard deviation' }) => {
      const column = (name: string, of: readonly (number | null)[]) => ({
        name,
        values: new Map(x.map((at, i) => [at, of[i]!])),
      });
      const mean = column(label, exact ?? y);
      if (interval) {
        const end = (side: 0 | 1) => interval.map((ends) => ends?.[side] ?? null);
        return [mean, column(`${label}, low`, end(0)), column(`${label}, high`, end(1))];
      }
      return spread ? [mean, column(`${label}, ${spreadName}`, spread)] : [mean];
    },
  );
  const xs = [...new Set(named.flatMap(({ x }) => [...x]))].sort((a, b) => a - b);
  return {
    head: [xLabel, ...columns.map(({ name }) => name)],
    rows: xs
      .slice(-ROWS_SHOWN)
      .map((x) => [categories?.[x] ?? x, ...columns.map(({ values }) => values.get(x) ?? null)]),
    note:
      xs.length > ROWS_SHOWN
        ? `The last ${ROWS_SHOWN} of ${xs.length}; metrics.csv in the run folder has all.`
        : undefined,
  };
}
