import type { ValidationReport } from '../page-data.js';
import { Counts } from './confusion-counts.js';
import { drawMatrix } from './confusion-drawing.js';
import { type Layout, layoutOf, mostZoom } from './confusion-layout.js';
import { onTheme } from './theme.js';

/** The elements of a matrix: what scrolls, what is drawn on, and what is as large as all of the matrix. */
export interface MatrixElements {
  view: HTMLElement;
  canvas: HTMLCanvasElement;
  sizer: HTMLElement;
}

/** The confusion matrix on a canvas that draws what is in view: its order, zoom and the cell that is read. */
export class MatrixView {
  private readonly counts: Counts;
  private zoom = 1;
  private width = 0;
  private selected: readonly [row: number, column: number] = [0, 0];
  private readonly offTheme = onTheme(() => this.draw());

  /** @param onSelect takes the classes of the cell that is read */
  constructor(
    private readonly elements: MatrixElements,
    private readonly report: ValidationReport,
    private order: readonly number[],
    private readonly onSelect: (label: number, predicted: number) => void,
  ) {
    this.counts = new Counts(report);
  }

  end(): void {
    this.offTheme();
  }

  resize(width: number): void {
    this.width = width;
    this.layout();
  }

  /** Other rows and columns; the cell that is read stays the same, where it is among them. */
  arrange(order: readonly number[]): void {
    const [row, column] = this.selected.map((at) => order.indexOf(this.order[at] ?? -1));
    this.order = order;
    this.selected = [Math.max(0, row!), Math.max(0, column!)];
    this.tell();
    this.layout();
  }

  /** Reads the cell of two classes that are among the rows and columns. */
  show(label: number, predicted: number): void {
    this.select(this.order.indexOf(label), this.order.indexOf(predicted), true);
  }

  enlarge(factor: number): void {
    this.zoomTo(this.zoom * factor);
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
    this.elements.view.style.height = `${shownHeight + 2}px`;
    this.elements.sizer.style.width = `${whole.width}px`;
    this.elements.sizer.style.height = `${whole.height}px`;
    const shownWidth = Math.min(whole.width, this.elements.view.clientWidth);
    const ratio = devicePixelRatio;
    this.elements.canvas.width = Math.round(shownWidth * ratio);
    this.elements.canvas.height = Math.round(shownHeight * ratio);
    this.elements.canvas.style.width = `${shownWidth}px`;
    this.elements.canvas.style.height = `${shownHeight}px`;
    this.draw();
  }

  draw(): void {
    const context = this.elements.canvas.getContext('2d');
    if (!context || this.width === 0) return;
    const { report, counts, order, selected } = this;
    const { view, canvas } = this.elements;
    drawMatrix(context, {
      ...{ report, counts, order, selected },
      names: this.names(),
      layout: this.placed(),
      scroll: { left: view.scrollLeft, top: view.scrollTop },
      size: { width: canvas.width / devicePixelRatio, height: canvas.height / devicePixelRatio },
    });
  }

  point(event: PointerEvent): void {
    const box = this.elements.view.getBoundingClientRect();
    const { cell, margin } = this.placed();
    const { left, top } = margin;
    const x = event.clientX - box.left - this.elements.view.clientLeft;
    const y = event.clientY - box.top - this.elements.view.clientTop;
    if (x < left || y < top) return;
    const column = Math.floor((x + this.elements.view.scrollLeft - left) / cell.width);
    const row = Math.floor((y + this.elements.view.scrollTop - top) / cell.height);
    const n = this.order.length;
    if (row >= 0 && column >= 0 && row < n && column < n) this.select(row, column, false);
  }

  key(event: KeyboardEvent): void {
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
    const { scrollTop, scrollLeft, clientHeight, clientWidth } = this.elements.view;
    const into = (at: number, from: number, size: number, room: number): number => {
      return at * size < from ? at * size : Math.max(from, (at + 1) * size - room);
    };
    this.elements.view.scrollTop = into(row, scrollTop, cell.height, clientHeight - margin.top);
    this.elements.view.scrollLeft = into(column, scrollLeft, cell.width, clientWidth - margin.left);
  }

  private tell(): void {
    const [row, column] = this.selected;
    this.onSelect(this.order[row]!, this.order[column]!);
  }

  private zoomTo(zoom: number): void {
    this.zoom = Math.max(1, Math.min(mostZoom(this.order.length, this.width), zoom));
    this.layout();
    this.reveal();
    this.draw();
  }
}
