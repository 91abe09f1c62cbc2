import { h, type JSX } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { RunReport, ValidationReport } from '../page-data.js';
import { type Order, orderClasses } from './confusion-order.js';
import { confusedPairs } from './confusion-pairs.js';
import { MatrixView } from './confusion-view.js';
import { selectBox } from './controls.js';
import { percent, whole } from './format.js';
import { useWidth } from './width.js';

/** The confusion matrix, and the most confused pairs below it. */
export function Confusion({ run }: { run: RunReport }): JSX.Element {
  const { validation, missing } = run;
  if (!validation) return h('p', { class: 'empty' }, `Not available: ${missing}`);
  return h(Matrix, { report: validation });
}

function Matrix({ report }: { report: ValidationReport }): JSX.Element {
  const [sort, setSort] = useState<Order>('similar');
  const [most, setMost] = useState<number | null>(null);
  const order = useMemo(() => orderClasses(report, sort, most), [report, sort, most]);
  const [read, setRead] = useState<readonly [label: number, predicted: number]>([
    order[0]!,
    order[0]!,
  ]);
  const left = useRef<HTMLDivElement>(null);
  const view = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const sizer = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLParagraphElement>(null);
  const matrix = useRef<MatrixView | null>(null);
  const width = useWidth(left);
  useLayoutEffect(() => {
    const elements = { view: view.current!, canvas: canvas.current!, sizer: sizer.current! };
    const made = new MatrixView(elements, report, order, (...cell) => setRead(cell));
    matrix.current = made;
    return () => made.end();
  }, [report]);
  useLayoutEffect(() => matrix.current!.arrange(order), [order]);
  useLayoutEffect(() => {
    if (width > 0) matrix.current!.resize(width);
  }, [width]);

  /** Shows the cell of a pair, with all classes if it is not among those shown. */
  const showPair = (label: number, predicted: number): void => {
    if (!order.includes(label) || !order.includes(predicted)) {
      matrix.current!.arrange(orderClasses(report, sort, null));
      setMost(null);
    }
    matrix.current!.show(label, predicted);
    readout.current!.scrollIntoView({ block: 'nearest' });
  };
  const zoom = (text: string, label: string, factor: number): JSX.Element => {
    const onClick = (): void => matrix.current!.enlarge(factor);
    return h('button', { type: 'button', 'aria-label': label, onClick }, text);
  };
  return h(
    'div',
    { class: 'confusion' },
    h(
      'div',
      { ref: left },
      h(
        'div',
        { class: 'controls' },
        selectBox<Order>({ label: 'order', options: ORDERS, chosen: sort, onChoose: setSort }),
        amountBox(report.classes.length, most, setMost),
        h(
          'div',
          { class: 'choice', role: 'group', 'aria-label': 'zoom' },
          zoom('−', 'smaller', 1 / 1.5),
          zoom('+', 'larger', 1.5),
        ),
      ),
      h('p', { ref: readout, class: 'readout', 'aria-live': 'polite' }, reading(report, read)),
      h(
        'div',
        {
          ref: view,
          class: 'matrix',
          tabindex: 0,
          role: 'group',
          'aria-label': 'confusion matrix; arrow keys go from cell to cell, plus and minus zoom',
          onScroll: () => matrix.current?.draw(),
          onPointerMove: (event: PointerEvent) => matrix.current?.point(event),
          onPointerDown: (event: PointerEvent) => matrix.current?.point(event),
          onKeyDown: (event: KeyboardEvent) => matrix.current?.key(event),
        },
        h('canvas', { ref: canvas, 'aria-hidden': 'true' }),
        h('div', { ref: sizer, class: 'sizer' }),
      ),
    ),
    confusedPairs(report, showPair),
  );
}

const ORDERS = [
  ['similar', 'confused ones together'],
  ['name', 'name'],
  ['accuracy', 'accuracy'],
] as const;

/** How many classes are shown, where there are many. */
function amountBox(
  classes: number,
  most: number | null,
  onChoose: (most: number | null) => void,
): JSX.Element | false {
  const amounts = [50, 20].filter((n) => n < classes);
  if (amounts.length === 0) return false;
  return selectBox<string>({
    label: 'classes',
    options: [
      ['all', `all ${classes}`],
      ...amounts.map((n) => [String(n), `${n} most confused`] as const),
    ],
    chosen: most === null ? 'all' : String(most),
    onChoose: (value) => onChoose(value === 'all' ? null : Number(value)),
  });
}

/** What a cell says, in words. */
function reading(
  { classes, perClass, confusion }: ValidationReport,
  [label, predicted]: readonly [number, number],
): (JSX.Element | string)[] {
  const count = confusion.find(([row, column]) => row === label && column === predicted)?.[2] ?? 0;
  const { images } = perClass[label]!;
  const share = images === 0 ? '' : ` (${percent((100 * count) / images, 1)})`;
  return [
    h('b', null, classes[label]!),
    ...(label === predicted
      ? [' recognised: ']
      : [' taken for ', h('b', null, classes[predicted]!), ': ']),
    `${whole(count)} of ${whole(images)} images${share}`,
  ];
}
