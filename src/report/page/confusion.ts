import type { RunReport, ValidationReport } from '../data.js';
import { type Order, orderClasses } from './confusion-order.js';
import { h, onWidth, selectBox } from './dom.js';
import { percent, whole } from './format.js';
import { color, onTheme } from './theme.js';

/** Pixels: names are written from this cell size on, and take this much room. */
const NAMED = 11;
const NAMES = 118;
const LARGEST = 44;
const PAIRS = 40;

/** The confusion matrix on a canvas that draws what is in view, and the most confused pairs beside it. */
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
  private readonly counts = new Map<number, number>();
  private order: number[] = [];
  private sort: Order = 'similar';
  private most: number | null = null;
  private zoom = 1;
  private width = 0;
  private selected: [row: number, column: number] = [0, 0];

  constructor(private readonly report: ValidationReport) {
    const { classes } = report;
    for (const [label, predicted, count] of report.confusion) {
      this.counts.set(label * classes.length + predicted, count);
    }
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
    this.element = h('div', { class: 'confusion' }, left, this.pairs());
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

  /** Pixels a side of a cell. */
  private cell(): number {
    return Math.min(LARGEST * 1.5, this.fitting() * this.zoom);
  }

  /** Pixels a side of a cell at zoom 1: as many as let the matrix fit into the page. */
  private fitting(): number {
    const fit = Math.max(2, Math.min(LARGEST, (this.width - 2) / this.order.length));
    const named = Math.max(2, Math.min(LARGEST, (this.width - NAMES - 2) / this.order.length));
    return named >= NAMED ? named : fit;
  }

  private margin(): number {
    return this.cell() >= NAMED ? NAMES : 0;
  }

  private layout(): void {
    if (this.width === 0) return;
    const size = this.margin() + this.cell() * this.order.length;
    const height = Math.min(size, Math.max(320, innerHeight * 0.75));
    this.view.style.height = `${height + 2}px`;
    this.view.style.width = `${Math.min(this.width, size + 2)}px`;
    this.sizer.style.width = `${size}px`;
    this.sizer.style.height = `${size}px`;
    const [shownWidth, shownHeight] = [Math.min(size, this.view.clientWidth), height];
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
    const [cell, margin] = [this.cell(), this.margin()];
    const { scrollLeft, scrollTop } = this.view;
    const [width, height] = [
      this.canvas.width / devicePixelRatio,
      this.canvas.height / devicePixelRatio,
    ];
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    const rowAt = (y: number): number => Math.floor((y + scrollTop - margin) / cell);
    const columnAt = (x: number): number => Math.floor((x + scrollLeft - margin) / cell);
    const last = this.order.length - 1;
    const rows = [Math.max(0, rowAt(margin)), Math.min(last, rowAt(height))] as const;
    const columns = [Math.max(0, columnAt(margin)), Math.min(last, columnAt(width))] as const;
    context.save();
    context.beginPath();
    context.rect(margin - 2, margin - 2, width, height);
    context.clip();
    context.fillStyle = color('--well');
    context.fillRect(margin, margin, width, height);
    for (let row = rows[0]; row <= rows[1]; row++) {
      for (let column = columns[0]; column <= columns[1]; column++) {
        this.drawCell(context, row, column, {
          x: margin + column * cell - scrollLeft,
          y: margin + row * cell - scrollTop,
          cell,
        });
      }
    }
    const [row, column] = this.selected;
    const x = margin + column * cell - scrollLeft;
    const y = margin + row * cell - scrollTop;
    context.strokeStyle = color('--ink');
    context.lineWidth = 1.5;
    context.strokeRect(x - 0.75, y - 0.75, cell + 1.5, cell + 1.5);
    if (cell < NAMED) {
      context.globalAlpha = 0.35;
      context.lineWidth = 1;
      context.strokeRect(-10, y, 1e5, cell);
      context.strokeRect(x, -10, cell, 1e5);
    }
    context.restore();
    if (margin > 0) this.drawNames(context, rows, columns, { cell, margin, scrollLeft, scrollTop });
  }

  private drawCell(
    context: CanvasRenderingContext2D,
    row: number,
    column: number,
    { x, y, cell }: { x: number; y: number; cell: number },
  ): void {
    const [label, predicted] = [this.order[row]!, this.order[column]!];
    const count = this.count(label, predicted);
    if (count === 0) return;
    const share = count / this.report.perClass[label]!.images;
    const gap = cell >= 6 ? 0.5 : 0;
    context.globalAlpha = 0.12 + 0.88 * Math.sqrt(share);
    context.fillStyle = color(label === predicted ? '--good' : '--bad');
    context.fillRect(x + gap, y + gap, Math.max(1, cell - 2 * gap), Math.max(1, cell - 2 * gap));
    context.globalAlpha = 1;
    if (cell < 20) return;
    context.fillStyle = color(share > 0.45 ? '--on-color' : '--ink');
    context.font = '10px system-ui, sans-serif';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(String(count), x + cell / 2, y + cell / 2 + 0.5);
  }

  private drawNames(
    context: CanvasRenderingContext2D,
    rows: readonly [number, number],
    columns: readonly [number, number],
    at: { cell: number; margin: number; scrollLeft: number; scrollTop: number },
  ): void {
    const { cell, margin, scrollLeft, scrollTop } = at;
    context.font = `${Math.min(12, Math.max(9, cell - 3))}px system-ui, sans-serif`;
    context.textBaseline = 'middle';
    const shortened = (name: string): string => (name.length > 17 ? `${name.slice(0, 16)}…` : name);
    const ink = (chosen: boolean): string => color(chosen ? '--ink' : '--muted');
    context.save();
    context.beginPath();
    context.rect(0, margin, margin, 1e5);
    context.clip();
    context.textAlign = 'right';
    for (let row = rows[0]; row <= rows[1]; row++) {
      context.fillStyle = ink(row === this.selected[0]);
      const y = margin + (row + 0.5) * cell - scrollTop;
      context.fillText(shortened(this.report.classes[this.order[row]!]!), margin - 7, y);
    }
    context.restore();
    context.save();
    context.beginPath();
    context.rect(margin, 0, 1e5, margin);
    context.clip();
    context.textAlign = 'left';
    for (let column = columns[0]; column <= columns[1]; column++) {
      context.save();
      context.fillStyle = ink(column === this.selected[1]);
      context.translate(margin + (column + 0.5) * cell - scrollLeft, margin - 7);
      context.rotate(-Math.PI / 2);
      context.fillText(shortened(this.report.classes[this.order[column]!]!), 0, 0);
      context.restore();
    }
    context.restore();
    context.fillStyle = color('--muted');
    context.textAlign = 'right';
    context.font = '10px system-ui, sans-serif';
    context.fillText('predicted →', margin - 7, margin - 24);
    context.fillText('label ↓', margin - 7, margin - 10);
  }

  private count(label: number, predicted: number): number {
    return this.counts.get(label * this.report.classes.length + predicted) ?? 0;
  }

  private point(event: PointerEvent): void {
    const box = this.view.getBoundingClientRect();
    const [cell, margin] = [this.cell(), this.margin()];
    const x = event.clientX - box.left - this.view.clientLeft;
    const y = event.clientY - box.top - this.view.clientTop;
    if (x < margin || y < margin) return;
    const column = Math.floor((x + this.view.scrollLeft - margin) / cell);
    const row = Math.floor((y + this.view.scrollTop - margin) / cell);
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
    const [cell, margin] = [this.cell(), this.margin()];
    const [row, column] = this.selected;
    const into = (at: number, from: number, size: number): number => {
      if (at * cell < from) return at * cell;
      const most = (at + 1) * cell + margin - size;
      return Math.max(from, most);
    };
    this.view.scrollTop = into(row, this.view.scrollTop, this.view.clientHeight);
    this.view.scrollLeft = into(column, this.view.scrollLeft, this.view.clientWidth);
  }

  private tell(): void {
    const { classes, perClass } = this.report;
    const [label, predicted] = this.selected.map((at) => this.order[at]!) as [number, number];
    const count = this.count(label, predicted);
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
    this.zoom = Math.max(1, Math.min((LARGEST * 1.5) / this.fitting(), zoom));
    this.layout();
    this.reveal();
    this.draw();
  }

  private pairs(): HTMLElement {
    const { classes, perClass, confusion } = this.report;
    const wrong = confusion
      .filter(([label, predicted]) => label !== predicted)
      .sort((a, b) => b[2] - a[2] || b[2] / perClass[b[0]]!.images - a[2] / perClass[a[0]]!.images)
      .slice(0, PAIRS);
    const go = (label: number, predicted: number): void => {
      if (!this.order.includes(label) || !this.order.includes(predicted)) {
        this.rearrange(this.sort, null);
        const select = this.element.querySelectorAll('select')[1];
        if (select) select.value = 'all';
      }
      this.select(this.order.indexOf(label), this.order.indexOf(predicted), true);
    };
    return h(
      'div',
      { class: 'pairs' },
      h('h3', {}, 'Most confused'),
      h(
        'ol',
        { class: 'scroll' },
        wrong.map(([label, predicted, count]) =>
          h(
            'li',
            {},
            h(
              'button',
              { type: 'button', onclick: () => go(label, predicted) },
              h('span', {}, `${classes[label]} → ${classes[predicted]}`),
              h('b', {}, `${count} · ${percent((100 * count) / perClass[label]!.images, 0)}`),
            ),
          ),
        ),
      ),
      wrong.length === 0 && h('p', { class: 'empty' }, 'No mistakes.'),
    );
  }
}
