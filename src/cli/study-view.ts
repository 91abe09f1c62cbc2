import type { StudyHooks, StudyResult } from '../commands/study.js';
import { type StatusPart, statusLine } from '../terminal/fit.js';
import type { Terminal } from '../terminal/terminal.js';
import { timeText } from '../terminal/words.js';

/** Between two lines of how far it is, where there is no terminal. */
const LINE_MS = 60_000;

/** Shows a study: on a terminal a status line with what has ended above it, in a pipe plain lines. */
export function studyView(terminal: Terminal): {
  hooks: Required<Pick<StudyHooks, 'notice' | 'study' | 'ended'>>;
  end(): void;
} {
  let lineAt = performance.now() + LINE_MS;
  const hooks = {
    notice: (line: string): void => terminal.line(line),
    study: ({
      done,
      total,
      runs,
      secondsLeft,
    }: Parameters<NonNullable<StudyHooks['study']>>[0]): void => {
      const left = secondsLeft === null ? '' : `${timeText(secondsLeft)} left`;
      const partly = runs.reduce((sum, { step, steps }) => sum + (steps > 0 ? step / steps : 0), 0);
      const parts: StatusPart[] = [
        { text: `${done}/${total} runs`, keep: 'needed' },
        ...(left ? [{ text: left, keep: 'needed' as const }] : []),
        ...runs.map(({ id, step, steps }, i): StatusPart => {
          return { text: steps > 0 ? `${id} ${step}/${steps}` : id, keep: runs.length - i };
        }),
      ];
      terminal.status((columns) => statusLine((done + partly) / total, parts, columns));
      if (terminal.interactive || performance.now() < lineAt || runs.length === 0) return;
      lineAt = performance.now() + LINE_MS;
      terminal.line(parts.map(({ text }) => text).join('  '));
    },
    ended: (
      run: { id: string },
      outcome: Parameters<NonNullable<StudyHooks['ended']>>[1],
    ): void => {
      const { state, seconds, message } = outcome;
      const time = seconds === null ? '' : `  ${timeText(seconds)}`;
      const [why = ''] = (message ?? '').split('\n');
      terminal.line(`${run.id}: ${state}${time}${why === '' ? '' : `: ${why}`}`);
    },
  };
  return { hooks, end: () => terminal.status(null) };
}

/** The last words of a study: what is left, and what to type next. */
export function endLines(result: StudyResult, command: string): string[] {
  const { folder, interrupted, left, waiting, failed, untested } = result;
  const runs = (n: number): string => `${n} ${n === 1 ? 'run' : 'runs'}`;
  if (interrupted) return [`interrupted, ${runs(left)} left; go on with: ${command}`];
  return [
    ...(failed.length > 0 ? [`${runs(failed.length)} failed; once more: ${command} --retry`] : []),
    ...(untested.length > 0
      ? [`${runs(untested.length)} could not be tested; ${command} tries again`]
      : []),
    ...(waiting > 0
      ? [
          `${runs(waiting)} ${waiting === 1 ? 'waits' : 'wait'} for trials of other parts: once all are in ${folder}, the same command goes on (--wait waits for them)`,
        ]
      : []),
    ...(left > waiting ? [`${runs(left)} of the study ${left === 1 ? 'is' : 'are'} left`] : []),
    `study folder: ${folder}`,
  ];
}
