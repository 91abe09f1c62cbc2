import type { RunReport, ValidationReport } from '../page-data.js';
import { type Order, orderClasses } from './confusion-order.js';
import { h, onWidth, selectBox } from './dom.js';
import { percent, whole } from './format.js';
import { color, onTheme } from './theme.js';

/** Pixels: names are written from this height of a row on, and take this much room, lying or standing. */
const NAMED = 11;
const NAMES = 118;
const LYING = 36;
/** Room for the titles of the axes where there are no names. */
const TITLES = 18;
/** Height of a row: in a tall matrix, at most, and at most when enlarged. */
const ROW = 26;
const TALLEST = 64;
const LARGEST = 88;
const PAIRS = 40;

interface Size {
  width: number;
  height: number;
}

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

  /** Of a cell, in pixels. */
  private cell(): Size {
    const { width, height } = this.fitting();
    return { width: width * this.zoom, height: height * this.zoom };
  }

  /** Of a cell at zoom 1: as wide as the page allows, and no taller than wide. */
  private fitting(): Size {
    const n = this.order.length;
    const named = (this.width - NAMES - 2) / n;
    if (named < NAMED) {
      const width = Math.max(2, (this.width - TITLES - 2) / n);
      return { width, height: Math.min(width, NAMED - 0.1) }; // lower than a name
    }
    const room = (this.tallest() - NAMES) / n;
    return { width: named, height: Math.min(named, TALLEST, Math.max(ROW, room)) };
  }

  /** Of the matrix: it and the line above it fit the window. */
  private tallest(): number {
    return Math.max(320, innerHeight * 0.75);
  }

  /** Room for the names left of the cells and above them. */
  private margin(): { left: number; top: number } {
    const { width, height } = this.cell();
    if (height < NAMED) return { left: TITLES, top: TITLES };
    return { left: NAMES, top: this.lying(width) ? LYING : NAMES };
  }

  /** Whether the names of the columns lie: where the longest fits its column. */
  private lying(width: number): boolean {
    const longest = Math.max(...this.order.map((at) => this.name(at).length));
    return 7 * longest + 8 <= width;
  }

  private name(at: number): string {
    const name = this.report.classes[at]!;
    return name.length > 17 ? `${name.slice(0, 16)}…` : name;
  }

  private layout(): void {
    if (this.width === 0) return;
    const [cell, margin, n] = [this.cell(), this.margin(), this.order.length];
    const whole = { width: margin.left + cell.width * n, height: margin.top + cell.height * n };
    const shownHeight = Math.min(whole.height, this.tallest());
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
    const [cell, margin] = [this.cell(), this.margin()];
    const { scrollLeft, scrollTop } = this.view;
    const [width, height] = [
      this.canvas.width / devicePixelRatio,
      this.canvas.height / devicePixelRatio,
    ];
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    const { left, top } = margin;
    const rowAt = (y: number): number => Math.floor((y + scrollTop - top) / cell.height);
    const columnAt = (x: number): number => Math.floor((x + scrollLeft - left) / cell.width);
    const last = this.order.length - 1;
    const rows = [Math.max(0, rowAt(top)), Math.min(last, rowAt(height))] as const;
    const columns = [Math.max(0, columnAt(left)), Math.min(last, columnAt(width))] as const;
    context.save();
    context.beginPath();
    context.rect(left - 2, top - 2, width, height);
    context.clip();
    context.fillStyle = color('--well');
    context.fillRect(left, top, width, height);
    for (let row = rows[0]; row <= rows[1]; row++) {
      for (let column = columns[0]; column <= columns[1]; column++) {
        this.drawCell(context, row, column, {
          x: left + column * cell.width - scrollLeft,
          y: top + row * cell.height - scrollTop,
          ...cell,
        });
      }
    }
    const [row, column] = this.selected;
    const x = left + column * cell.width - scrollLeft;
    const y = top + row * cell.height - scrollTop;
    context.strokeStyle = color('--ink');
    context.lineWidth = 1.5;
    context.strokeRect(x - 0.75, y - 0.75, cell.width + 1.5, cell.height + 1.5);
    if (cell.height < NAMED) {
      context.globalAlpha = 0.35;
      context.lineWidth = 1;
      context.strokeRect(-10, y, 1e5, cell.height);
      context.strokeRect(x, -10, cell.width, 1e5);
    }
    context.restore();
    if (cell.height < NAMED) drawTitles(context, width);
    else this.drawNames(context, rows, columns, { cell, margin, scrollLeft, scrollTop });
  }

  private drawCell(
    context: CanvasRenderingContext2D,
    row: number,
    column: number,
    { x, y, width, height }: { x: number; y: number } & Size,
  ): void {
    const [label, predicted] = [this.order[row]!, this.order[column]!];
    const count = this.count(label, predicted);
    if (count === 0) return;
    const share = count / this.report.perClass[label]!.images;
    const gap = height >= 6 ? 0.5 : 0;
    const inside = (size: number): number => Math.max(1, size - 2 * gap);
    context.globalAlpha = 0.12 + 0.88 * Math.sqrt(share);
    context.fillStyle = color(label === predicted ? '--good' : '--bad');
    context.fillRect(x + gap, y + gap, inside(width), inside(height));
    context.globalAlpha = 1;
    if (height < 16 || width < 20) return;
    context.fillStyle = color(share > 0.45 ? '--on-color' : '--ink');
    context.font = `${height < 30 ? 10 : 12}px system-ui, sans-serif`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(String(count), x + width / 2, y + height / 2 + 0.5);
  }

  private drawNames(
    context: CanvasRenderingContext2D,
    rows: readonly [number, number],
    columns: readonly [number, number],
    at: {
      cell: Size;
      margin: { left: number; top: number };
      scrollLeft: number;
      scrollTop: number;
    },
  ): void {
    const { cell, scrollLeft, scrollTop } = at;
    const { left, top } = at.margin;
    context.font = `${Math.min(12, Math.max(9, cell.height - 3))}px system-ui, sans-serif`;
    context.textBaseline = 'middle';
    const ink = (chosen: boolean): string => color(chosen ? '--ink' : '--muted');
    context.save();
    context.beginPath();
    context.rect(0, top, left, 1e5);
    context.clip();
    context.textAlign = 'right';
    for (let row = rows[0]; row <= rows[1]; row++) {
      context.fillStyle = ink(row === this.selected[0]);
      const y = top + (row + 0.5) * cell.height - scrollTop;
      context.fillText(this.name(this.order[row]!), left - 7, y);
    }
    context.restore();
    context.save();
    context.beginPath();
    context.rect(left, 0, 1e5, top);
    context.clip();
    const lying = this.lying(cell.width);
    context.textAlign = lying ? 'center' : 'left';
    for (let column = columns[0]; column <= columns[1]; column++) {
      context.save();
      context.fillStyle = ink(column === this.selected[1]);
      context.translate(left + (column + 0.5) * cell.width - scrollLeft, top - (lying ? 12 : 7));
      if (!lying) context.rotate(-Math.PI / 2);
      context.fillText(this.name(this.order[column]!), 0, 0);
      context.restore();
    }
    context.restore();
    context.fillStyle = color('--muted');
    context.textAlign = 'right';
    context.font = TITLE_FONT;
    context.fillText(COLUMNS, left - 7, top - 25);
    context.fillText(ROWS, left - 7, top - 10);
  }

  private count(label: number, predicted: number): number {
    return this.counts.get(label * this.report.classes.length + predicted) ?? 0;
  }

  private point(event: PointerEvent): void {
    const box = this.view.getBoundingClientRect();
    const [cell, { left, top }] = [this.cell(), this.margin()];
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
    const [cell, margin] = [this.cell(), this.margin()];
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
    this.zoom = Math.max(1, Math.min(LARGEST / this.fitting().height, zoom));
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
      this.readout.scrollIntoView({ block: 'nearest' });
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

const TITLE_FONT = '600 11px system-ui, sans-serif';
const COLUMNS = 'predicted →';
const ROWS = 'label ↓';

/** What rows and columns are, where there is no room for names. */
function drawTitles(context: CanvasRenderingContext2D, width: number): void {
  context.fillStyle = color('--muted');
  context.font = TITLE_FONT;
  context.textBaseline = 'middle';
  context.textAlign = 'center';
  context.fillText(COLUMNS, width / 2, TITLES / 2);
  context.save();
  context.translate(TITLES / 2, 60);
  context.rotate(Math.PI / 2);
  context.fillText('label →', 0, 0);
  context.restore();
}
