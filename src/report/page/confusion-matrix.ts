import type { RunReport, ValidationReport } from '../page-data.js';
import { Counts } from './confusion-counts.js';
import { drawMatrix } from './confusion-drawing.js';
import { type Layout, layoutOf, mostZoom } from './confusion-layout.js';
import { type Order, orderClasses } from './confusion-order.js';
import { confusedPairs } from './confusion-pairs.js';
import { h, onWidth, selectBox } from './dom.js';
import { percent, whole } from './format.js';
import { onTheme } from './theme.js';

/** The confusion matrix on a canvas that draws what is in view, and the most confused pairs below it. */
export function confusion(run: RunReport): HTMLElement {
  if (!run.validation) return h('p', { class: 'empty' }, `Not available: ${run.missing}`);
  return new Matrix(run.validation).element;
}

class Matrix {
  readonly element: HTMLElement;
  private readonly canvas = h('canvas', { 'aria-hidden': true });
  private readonly sizer = h('div', { class: 'sizer' });
  private readonly view: HTMLElement;
  private readonly readout = h('p', { class: 'readout', 'aria-live': 'polite' });
  private readonly counts: Counts;
  private order: number[] = [];
  private sort: Order = 'similar';
  private most: number | null = null;
  private zoom = 1;
  private width = 0;
  private selected: [row: number, column: number] = [0, 0];

  constructor(private readonly report: ValidationReport) {
    this.counts = new Counts(report);
    this.view = h(
      'div',
      {
        class: 'matrix',
        tabindex: 0,
        role: 'group',
        'aria-label': 'confusion matrix; arrow keys go from cell to cell, plus and minus zoom',
      },
      this.canvas,
      this.sizer,
    );
    this.view.addEventListener('scroll', () => this.draw());
    this.view.addEventListener('pointermove', (event) => this.point(event));
    this.view.addEventListener('pointerdown', (event) => this.point(event));
    this.view.addEventListener('keydown', (event) => this.key(event));
    onTheme(this.view, () => this.draw());
    const left = h('div', {}, this.controls(), this.readout, this.view);
    onWidth(left, (width) => {
      this.width = width;
      this.layout();
    });
    this.element = h('div', { class: 'confusion' }, left, confusedPairs(report, this.showPair));
    this.rearrange(this.sort, null);
  }

  private controls(): HTMLElement {
    const { classes } = this.report;
    const amounts = [50, 20].filter((n) => n < classes.length);
    const orders = [
      ['similar', 'confused ones together'],
      ['name', 'name'],
      ['accuracy', 'accuracy'],
    ] as const;
    const shown = [
      ['all', `all ${classes.length}`] as const,
      ...amounts.map((n) => [String(n), `${n} most confused`] as const),
    ];
    const zoom = (text: string, label: string, factor: number): HTMLElement => {
      const onclick = (): void => this.zoomTo(this.zoom * factor);
      return h('button', { type: 'button', 'aria-label': label, onclick }, text);
    };
    return h(
      'div',
      { class: 'controls' },
      selectBox('order', orders, this.sort, (value) => {
        this.rearrange(value as Order, this.most);
      }),
      amounts.length > 0 &&
        selectBox('classes', shown, 'all', (value) => {
          this.rearrange(this.sort, value === 'all' ? null : Number(value));
        }),
      h(
        'div',
        { class: 'choice', role: 'group', 'aria-label': 'zoom' },
        zoom('−', 'smaller', 1 / 1.5),
        zoom('+', 'larger', 1.5),
      ),
    );
  }

  private rearrange(sort: Order, most: number | null): void {
    [this.sort, this.most] = [sort, most];
    const old = this.selected.map((at) => this.order[at]);
    this.order = orderClasses(this.report, sort, most);
    const [row, column] = old.map((one) => this.order.indexOf(one ?? -1)) as [number, number];
    this.selected = [Math.max(0, row), Math.max(0, column)];
    this.tell();
    this.layout();
  }

  /** What the rows and columns are called. */
  private names(): string[] {
    return this.order.map((at) => {
      const name = this.report.classes[at]!;
      return name.length > 17 ? `${name.slice(0, 16)}…` : name;
    });
  }

  private placed(): Layout {
    return layoutOf(this.names(), this.width, this.zoom);
  }

  private layout(): void {
    if (this.width === 0) return;
    const { whole, shownHeight } = this.placed();
    this.view.style.height = `${shownHeight + 2}px`;
    this.sizer.style.width = `${whole.width}px`;
    this.sizer.style.height = `${whole.height}px`;
    const shownWidth = Math.min(whole.width, this.view.clientWidth);
    const ratio = devicePixelRatio;
    this.canvas.width = Math.round(shownWidth * ratio);
    this.canvas.height = Math.round(shownHeight * ratio);
    this.canvas.style.width = `${shownWidth}px`;
    this.canvas.style.height = `${shownHeight}px`;
    this.draw();
  }

  private draw(): void {
    const context = this.canvas.getContext('2d');
    if (!context || this.width === 0) return;
    const { report, counts, order, selected, view, canvas } = this;
    drawMatrix(context, {
      ...{ report, counts, order, selected },
      names: this.names(),
      layout: this.placed(),
      scroll: { left: view.scrollLeft, top: view.scrollTop },
      size: { width: canvas.width / devicePixelRatio, height: canvas.height / devicePixelRatio },
    });
  }

  private point(event: PointerEvent): void {
    const box = this.view.getBoundingClientRect();
    const { cell, margin } = this.placed();
    const { left, top } = margin;
    const x = event.clientX - box.left - this.view.clientLeft;
    const y = event.clientY - box.top - this.view.clientTop;
    if (x < left || y < top) return;
    const column = Math.floor((x + this.view.scrollLeft - left) / cell.width);
    const row = Math.floor((y + this.view.scrollTop - top) / cell.height);
    const n = this.order.length;
    if (row >= 0 && column >= 0 && row < n && column < n) this.select(row, column, false);
  }

  private key(event: KeyboardEvent): void {
    const moves: Record<string, [number, number]> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
    };
    const move = moves[event.key];
    const larger = event.key === '+' || event.key === '=';
    if (event.ctrlKey || event.metaKey || !(move || larger || event.key === '-')) return;
    event.preventDefault();
    if (!move) {
      this.zoomTo(larger ? this.zoom * 1.5 : this.zoom / 1.5);
      return;
    }
    const inside = (at: number): number => Math.max(0, Math.min(this.order.length - 1, at));
    const [row, column] = this.selected;
    this.select(inside(row + move[0]), inside(column + move[1]), true);
  }

  private select(row: number, column: number, reveal: boolean): void {
    if (row === this.selected[0] && column === this.selected[1]) return;
    this.selected = [row, column];
    if (reveal) this.reveal();
    this.draw();
    this.tell();
  }

  private reveal(): void {
    const { cell, margin } = this.placed();
    const [row, column] = this.selected;
    const { scrollTop, scrollLeft, clientHeight, clientWidth } = this.view;
    const into = (at: number, from: number, size: number, room: number): number => {
      return at * size < from ? at * size : Math.max(from, (at + 1) * size - room);
    };
    this.view.scrollTop = into(row, scrollTop, cell.height, clientHeight - margin.top);
    this.view.scrollLeft = into(column, scrollLeft, cell.width, clientWidth - margin.left);
  }

  private tell(): void {
    const { classes, perClass } = this.report;
    const [label, predicted] = this.selected.map((at) => this.order[at]!) as [number, number];
    const count = this.counts.of(label, predicted);
    const { images } = perClass[label]!;
    const share = images === 0 ? '' : ` (${percent((100 * count) / images, 1)})`;
    this.readout.replaceChildren(
      h('b', {}, classes[label]!),
      ...(label === predicted
        ? [' recognised: ']
        : [' taken for ', h('b', {}, classes[predicted]!), ': ']),
      `${whole(count)} of ${whole(images)} images${share}`,
    );
  }

  private zoomTo(zoom: number): void {
    this.zoom = Math.max(1, Math.min(mostZoom(this.order.length, this.width), zoom));
    this.layout();
    this.reveal();
    this.draw();
  }

  /** Shows the cell of a pair, with all classes if it is not among those shown. */
  private readonly showPair = (label: number, predicted: number): void => {
    if (!this.order.includes(label) || !this.order.includes(predicted)) {
      this.rearrange(this.sort, null);
      const select = this.element.querySelectorAll('select')[1];
      if (select) select.value = 'all';
    }
    this.select(this.order.indexOf(label), this.order.indexOf(predicted), true);
    this.readout.scrollIntoView({ block: 'nearest' });
  };
}
