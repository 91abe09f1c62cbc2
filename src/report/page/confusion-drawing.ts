import type { ValidationReport } from '../page-data.js';
import type { Counts } from './confusion-counts.js';
import { type Layout, type Size, TITLES } from './confusion-layout.js';
import { color } from './theme.js';

/** What is drawn of a confusion matrix. */
export interface MatrixPicture {
  report: ValidationReport;
  counts: Counts;
  /** Classes in the order of rows and columns, and what they are called there. */
  order: readonly number[];
  names: readonly string[];
  selected: readonly [row: number, column: number];
  layout: Layout;
  scroll: { left: number; top: number };
  /** Of the canvas, in pixels of the page. */
  size: Size;
}

type Span = readonly [first: number, last: number];

/** Draws the rows and columns that are in view. */
export function drawMatrix(context: CanvasRenderingContext2D, picture: MatrixPicture): void {
  const { layout, scroll, size, order } = picture;
  const { cell, margin } = layout;
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  const last = order.length - 1;
  const seen = (from: number, to: number, at: number, each: number): Span => {
    const place = (position: number): number => Math.floor((position + at - from) / each);
    return [Math.max(0, place(from)), Math.min(last, place(to))];
  };
  const rows = seen(margin.top, size.height, scroll.top, cell.height);
  const columns = seen(margin.left, size.width, scroll.left, cell.width);
  context.save();
  context.beginPath();
  context.rect(margin.left - 2, margin.top - 2, size.width, size.height);
  context.clip();
  context.fillStyle = color('--well');
  context.fillRect(margin.left, margin.top, size.width, size.height);
  for (let row = rows[0]; row <= rows[1]; row++) {
    for (let column = columns[0]; column <= columns[1]; column++) {
      drawCell(context, picture, row, column);
    }
  }
  drawSelection(context, picture);
  context.restore();
  if (layout.named) drawNames(context, picture, rows, columns);
  else drawTitles(context, size.width);
}

function placeOf({ layout, scroll }: MatrixPicture, row: number, column: number) {
  const { cell, margin } = layout;
  return {
    x: margin.left + column * cell.width - scroll.left,
    y: margin.top + row * cell.height - scroll.top,
  };
}

function drawCell(
  context: CanvasRenderingContext2D,
  picture: MatrixPicture,
  row: number,
  column: number,
): void {
  const { order, counts, report, layout } = picture;
  const [label, predicted] = [order[row]!, order[column]!];
  const count = counts.of(label, predicted);
  if (count === 0) return;
  const { x, y } = placeOf(picture, row, column);
  const { width, height } = layout.cell;
  const share = count / report.perClass[label]!.images;
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

/** A frame around the cell; where cells are small also along its row and its column. */
function drawSelection(context: CanvasRenderingContext2D, picture: MatrixPicture): void {
  const { cell, named } = picture.layout;
  const { x, y } = placeOf(picture, ...picture.selected);
  context.strokeStyle = color('--ink');
  context.lineWidth = 1.5;
  context.strokeRect(x - 0.75, y - 0.75, cell.width + 1.5, cell.height + 1.5);
  if (named) return;
  context.globalAlpha = 0.35;
  context.lineWidth = 1;
  context.strokeRect(-10, y, 1e5, cell.height);
  context.strokeRect(x, -10, cell.width, 1e5);
}

const TITLE_FONT = '600 11px system-ui, sans-serif';
const COLUMNS = 'predicted →';
const ROWS = 'label ↓';

function drawNames(
  context: CanvasRenderingContext2D,
  picture: MatrixPicture,
  rows: Span,
  columns: Span,
): void {
  const { names, selected } = picture;
  const { cell, margin, lying } = picture.layout;
  const { left, top } = margin;
  context.font = `${Math.min(12, Math.max(9, cell.height - 3))}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  const ink = (chosen: boolean): string => color(chosen ? '--ink' : '--muted');
  context.save();
  context.beginPath();
  context.rect(0, top, left, 1e5);
  context.clip();
  context.textAlign = 'right';
  for (let row = rows[0]; row <= rows[1]; row++) {
    context.fillStyle = ink(row === selected[0]);
    const { y } = placeOf(picture, row + 0.5, 0);
    context.fillText(names[row]!, left - 7, y);
  }
  context.restore();
  context.save();
  context.beginPath();
  context.rect(left, 0, 1e5, top);
  context.clip();
  context.textAlign = lying ? 'center' : 'left';
  for (let column = columns[0]; column <= columns[1]; column++) {
    context.save();
    context.fillStyle = ink(column === selected[1]);
    const { x } = placeOf(picture, 0, column + 0.5);
    context.translate(x, top - (lying ? 12 : 7));
    if (!lying) context.rotate(-Math.PI / 2);
    context.fillText(names[column]!, 0, 0);
    context.restore();
  }
  context.restore();
  context.fillStyle = color('--muted');
  context.textAlign = 'right';
  context.font = TITLE_FONT;
  context.fillText(COLUMNS, left - 7, top - 25);
  context.fillText(ROWS, left - 7, top - 10);
}

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
