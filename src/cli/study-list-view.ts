import type { StudyList } from '../commands/study-list.js';
import { ageText, timeText } from '../terminal/words.js';

/** Between the columns of a list. */
const GAP = '  ';
const HEADS = ['step, image', 'whole run', 'memory', 'about'];

/** The runs of a study before they are run, for people. */
export function listLines({ name, runs, speed, engine }: StudyList, columns: number): string[] {
  const rows = runs.map(({ id, stepMultiplyAdds, multiplyAdds, memory }) => {
    const time = multiplyAdds === null ? '?' : roughTime(multiplyAdds / speed);
    const whole = multiplyAdds === null ? '?' : countText(multiplyAdds);
    return [id, countText(stepMultiplyAdds), whole, sizeText(memory), time];
  });
  const trials = runs.filter(({ purpose }) => purpose === 'trial').length;
  const finals = runs.length - trials;
  const all = runs.reduce<number | null>(
    (sum, { multiplyAdds }) => (sum === null || multiplyAdds === null ? null : sum + multiplyAdds),
    0,
  );
  const total =
    all === null
      ? 'how long it takes depends on how many training images there are: --images N'
      : `${countText(all)} multiply-adds: about ${roughTime(all / speed)} one after another`;
  return [
    `study ${name}: ${runs.length} runs${trials > 0 ? `, ${trials} trials and ${finals} final ones` : ''}`,
    ...aligned([['run', ...HEADS], ...rows], columns),
    'multiply-adds of a training step for one image, and of the whole run; predicted peak memory',
    total,
    `at ${countText(speed)}/s, measured with a small network on the ${engine} engine here: the order of magnitude`,
  ];
}

/** Columns of figures are aligned at their end; a first cell that leaves no room for them has a line of its own. */
export function aligned(rows: readonly (readonly string[])[], columns: number): string[] {
  const figures = rows[0]!
    .slice(1)
    .map((_, i) => Math.max(...rows.map((row) => row[i + 1]!.length)));
  const rest = figures.reduce((sum, width) => sum + GAP.length + width, 0);
  const first = Math.min(
    Math.max(...rows.map((row) => row[0]!.length)),
    Math.max(0, columns - rest),
  );
  return rows.flatMap(([name, ...cells]) => {
    const text = cells.map((cell, i) => GAP + cell.padStart(figures[i]!)).join('');
    return name!.length <= first ? [name!.padEnd(first) + text] : [name!, ''.padEnd(first) + text];
  });
}

/** In days from two days on. */
const roughTime = (seconds: number): string =>
  seconds < 2 * 86_400 ? timeText(seconds) : ageText(seconds);

const UNITS = ['', ' k', ' M', ' G', ' T', ' P', ' E', ' Z'];

/** `12.3 T`: three digits and a unit. */
export function countText(value: number): string {
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(value || 1) / 3)));
  const scaled = value / 1000 ** unit;
  return `${unit === 0 ? String(Math.round(scaled)) : Number(scaled.toPrecision(3))}${UNITS[unit]}`;
}

/** `420 MiB`, `5.2 GiB` */
export function sizeText(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return mebibytes >= 1024 ? `${(mebibytes / 1024).toFixed(1)} GiB` : `${mebibytes.toFixed(0)} MiB`;
}
