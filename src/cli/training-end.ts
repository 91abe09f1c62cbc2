import type { TrainCommandResult } from '../commands/train.js';
import { timeText } from '../terminal/words.js';
import { commandLine } from './common.js';

/**
 * The last words of a training: what came out, where it is, and what to type next.
 *
 * @param trial of `--fast-dev-run`: the arguments of the training that it was a trial of; else null
 */
export function endLines(result: TrainCommandResult, trial: readonly string[] | null): string[] {
  const { run, step, wholeSteps, epoch, steps: done, seconds, interrupted } = result;
  if (interrupted) {
    return [`interrupted after step ${step}; go on with: ${commandLine('train', '--resume', run)}`];
  }
  const steps = `${step} ${step === 1 ? 'step' : 'steps'}`;
  if (trial && done > 0) {
    return [
      `it works: ${steps}, a small evaluation and a checkpoint in ${timeText(seconds)}`,
      `run folder: ${run}`,
      `next: ${commandLine(...trial)}`,
    ];
  }
  const left = Math.max(0, wholeSteps - step);
  return [
    ...(done > 0
      ? [
          `done: ${left > 0 ? `${step} of ${wholeSteps} steps` : steps}, ${Number(epoch.toFixed(2))} ${epoch === 1 ? 'epoch' : 'epochs'} in ${timeText(seconds)}`,
        ]
      : []),
    ...(result.best ? [bestLine(result.best, result.metric)] : []),
    `run folder: ${run}`,
    'next:',
    ...(left > 0
      ? [
          `  ${commandLine('train', '--resume', run)}`,
          `      the other ${left === 1 ? 'step' : `${left} steps`} of the training`,
        ]
      : []),
    `  ${commandLine('report', run)}`,
    '      curves, classes, mistakes and images on a page',
    `  ${commandLine('eval', run)}`,
    '      top-1 and top-5 of the best checkpoint',
    `  ${commandLine('predict', run)} <images>`,
    '      the best classes of other images',
  ];
}

function bestLine(
  { top1, top5, step }: NonNullable<TrainCommandResult['best']>,
  metric: TrainCommandResult['metric'],
): string {
  const more = top5 === null ? '' : `  top-5 ${top5.toFixed(2)} %`;
  const by = { top1: '', top5: ' by top-5', loss: ' by the loss' }[metric];
  return `best${by}: top-1 ${top1.toFixed(2)} %${more}  at step ${step}`;
}

/** Options of a trial that the training itself is not to have, with the number of their values. */
const OF_THE_TRIAL = new Map([
  ['--fast-dev-run', 0],
  ['--out', 1],
]);

/** The arguments of a trial without what makes it one, and without its run folder. */
export function withoutTrial(args: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const [name] = args[i]!.split('=') as [string];
    const values = OF_THE_TRIAL.get(name);
    if (values === undefined) kept.push(args[i]!);
    else if (name === args[i]) i += values;
  }
  return kept;
}
