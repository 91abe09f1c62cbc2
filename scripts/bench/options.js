/** What the command lines of the benchmarks have in common. */

/**
 * @param {string} text items, joined by commas
 * @param {string[]} known
 * @param {string} option for the message
 * @returns {string[]}
 */
export function list(text, known, option) {
  const items = text.split(',').filter(Boolean);
  const unknown = items.find((item) => !known.includes(item));
  if (unknown === undefined && items.length > 0) return items;
  throw new Error(`${option} ${unknown ?? ''}: one of ${known.join(', ')} is needed`);
}

/**
 * @param {string} text
 * @param {string} option for the message
 */
export function count(text, option) {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${option} ${text}: a positive integer is needed`);
  return Number(text);
}

export const note = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);

/**
 * Cells as aligned columns, the first `left` of them to the left.
 *
 * @param {string[]} header
 * @param {string[][]} rows
 * @param {number} left
 */
export function columns(header, rows, left) {
  const widths = header.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i].length)),
  );
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, i) => (i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/**
 * Runs a benchmark; an error is one line and an exit code.
 *
 * @param {string} usage printed for `--help`
 * @param {boolean} help
 * @param {() => Promise<void>} body
 */
export async function benchmark(usage, help, body) {
  if (help) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  try {
    await body();
  } catch (error) {
    note(`error: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 2;
  }
}
