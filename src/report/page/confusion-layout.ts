/** Pixels: names are written from this height of a row on, and take this much room, lying or standing. */
const NAMED = 11;
const NAMES = 118;
const LYING = 36;
/** Room for the titles of the axes where there are no names. */
export const TITLES = 18;
/** Height of a row: in a tall matrix, at most, and at most when enlarged. */
const ROW = 26;
const TALLEST = 64;
const LARGEST = 88;

export interface Size {
  width: number;
  height: number;
}

/** Where things are in a confusion matrix, in pixels. */
export interface Layout {
  cell: Size;
  /** Room for the names left of the cells and above them, or for the titles of the axes. */
  margin: { left: number; top: number };
  /** Whether rows and columns have names; and whether those of the columns lie. */
  named: boolean;
  lying: boolean;
  /** All of the matrix, and how high the part of it is that is in view. */
  whole: Size;
  shownHeight: number;
}

/**
 * @param names of the rows and columns, as they are shown
 * @param width that the page has for it
 * @param zoom from 1 to `mostZoom`
 */
export function layoutOf(names: readonly string[], width: number, zoom: number): Layout {
  const n = names.length;
  const fitting = fittingCell(n, width);
  const cell = { width: fitting.width * zoom, height: fitting.height * zoom };
  const named = cell.height >= NAMED;
  // Names of columns lie where the longest fits its column.
  const lying = named && 7 * Math.max(...names.map((name) => name.length)) + 8 <= cell.width;
  const margin = named
    ? { left: NAMES, top: lying ? LYING : NAMES }
    : { left: TITLES, top: TITLES };
  const whole = { width: margin.left + cell.width * n, height: margin.top + cell.height * n };
  return { cell, margin, named, lying, whole, shownHeight: Math.min(whole.height, tallest()) };
}

/** How far a matrix of n classes can be enlarged. */
export const mostZoom = (n: number, width: number): number =>
  LARGEST / fittingCell(n, width).height;

/** Of a cell at zoom 1: as wide as the page allows, and no taller than wide. */
function fittingCell(n: number, pageWidth: number): Size {
  const named = (pageWidth - NAMES - 2) / n;
  if (named < NAMED) {
    const width = Math.max(2, (pageWidth - TITLES - 2) / n);
    return { width, height: Math.min(width, NAMED - 0.1) }; // lower than a name
  }
  const room = (tallest() - NAMES) / n;
  return { width: named, height: Math.min(named, TALLEST, Math.max(ROW, room)) };
}

/** Of the matrix: it and the line above it fit the window. */
const tallest = (): number => Math.max(320, innerHeight * 0.75);
