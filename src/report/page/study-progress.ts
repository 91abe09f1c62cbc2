import { h, type JSX } from 'preact';
import type { StudyStanding } from '../page-data.js';
import { duration, whole } from './format.js';

/** How far a study is that is watched: all of it, and the runs under way. */
export function StudyProgress({ standing }: { standing: StudyStanding }): JSX.Element {
  const { done, total, runs, secondsLeft, working } = standing;
  const partly = runs.reduce((sum, { step, steps }) => sum + share(step, steps), 0);
  const left = secondsLeft === null ? 'time left not known yet' : `${duration(secondsLeft)} left`;
  const over = done === total ? 'done' : 'nobody is at work on it: the same command goes on';
  return h(
    'div',
    { class: 'study-progress' },
    h(
      'p',
      null,
      h('strong', null, `${whole(done)} of ${whole(total)} runs`),
      ` · ${working ? left : over}`,
    ),
    bar('the study', done + partly, total),
    runs.map(({ id, step, steps }) =>
      h(
        'div',
        { class: 'run', key: id },
        h('span', null, id),
        h(
          'span',
          { class: 'number' },
          steps > 0 ? `step ${whole(step)} of ${whole(steps)}` : 'begins',
        ),
        bar(id, step, steps),
      ),
    ),
  );
}

const share = (step: number, steps: number): number => (steps > 0 ? step / steps : 0);

const bar = (label: string, value: number, max: number): JSX.Element =>
  h('progress', { 'aria-label': label, value, max: Math.max(max, 1) });
