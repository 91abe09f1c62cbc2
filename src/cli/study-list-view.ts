import type { StudyList } from '../commands/study-list.js';
import { countText, sizeText } from '../quantities.js';
import { aligned } from '../terminal/aligned.js';
import { ageText, timeText } from '../terminal/words.js';

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

/** In days from two days on. */
const roughTime = (seconds: number): string =>
  seconds < 2 * 86_400 ? timeText(seconds) : ageText(seconds);
