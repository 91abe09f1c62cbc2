import type { LoggedRow, StepProgress, TrainEvents, TrainFacts } from '../train/events.js';
import { type StatusPart, statusLine, wrapped } from './fit.js';
import type { Terminal } from './terminal.js';
import { lossText, timeText } from './words.js';

export interface TrainViewOptions {
  /** A trial, of which no evaluation is called the best. */
  trial: boolean;
}

/**
 * Shows a training: on a terminal a status line with the evaluations above it, in a pipe plain lines. `end` takes the
 * status away.
 */
export function trainView(
  terminal: Terminal,
  { trial }: TrainViewOptions,
): Pick<TrainEvents, 'start' | 'step' | 'logged' | 'evaluating' | 'evaluated' | 'notice'> & {
  end(): void;
} {
  const print = terminal.line;
  let status: TrainingStatus | null = null;
  return {
    start(facts) {
      print(`engine ${facts.engine}`);
      print(`${facts.images} training images, ${facts.totalSteps} steps, run folder ${facts.run}`);
      if (facts.step > 0) print(`going on after step ${facts.step}`);
      status = new TrainingStatus(facts);
      terminal.status(status.text);
    },
    step(progress) {
      status?.step(progress);
      terminal.status(status?.text ?? null);
    },
    logged(row) {
      if (!terminal.interactive) print(trainLine(row));
    },
    evaluating(images, total) {
      status?.evaluating(images, total);
      terminal.status(status?.text ?? null);
    },
    evaluated(step, epoch, heads, _seconds, best) {
      const [first] = heads.values();
      const parts = [
        `epoch ${epoch.toFixed(2)}`,
        `step ${step}`,
        `validation: top-1 ${first!.top1.toFixed(2)} %`,
        `top-5 ${first!.top5.toFixed(2)} %`,
        ...[...heads].map(([name, head]) => `${name} loss ${lossText(head.loss)}`),
        ...(best && !trial ? ['(best)'] : []),
      ];
      print(wrapped(parts, terminal.columns));
    },
    notice: print,
    end: () => terminal.status(null),
  };
}

function trainLine(row: LoggedRow): string {
  const losses = [...row.losses].map(([name, loss]) => `${name} ${lossText(loss)}`).join('  ');
  const weights = [...row.weights].map(([name, weight]) => `  ${name} x ${weight.toPrecision(3)}`);
  return `step ${row.step}/${row.totalSteps}  epoch ${row.epoch.toFixed(2)}  loss ${losses}  top-1 ${row.top1.toFixed(1)} %  ${row.imagesPerSecond.toFixed(0)} img/s  data wait ${percent(row.dataWait)}  ${rankWait(row)}lr ${row.lr.toPrecision(3)}${weights.join('')}`;
}

/** Of several ranks. */
const rankWait = ({ ranks, rankWait }: LoggedRow): string =>
  ranks ? `wait for ranks ${percent(rankWait)}  ` : '';

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** How far a training has come, and how fast it goes. */
class TrainingStatus {
  readonly #facts: TrainFacts;
  readonly #since = performance.now();
  #last: StepProgress | null = null;
  #left = '';
  #evaluating = '';

  constructor(facts: TrainFacts) {
    this.#facts = facts;
  }

  readonly text = (columns: number): string => {
    const { step, totalSteps } = this.#last ?? this.#facts;
    return statusLine(step / totalSteps, this.#parts(), columns);
  };

  step(progress: StepProgress): void {
    this.#last = progress;
    this.#evaluating = '';
    const perStep =
      (performance.now() - this.#since) / Math.max(1, progress.step - this.#facts.step);
    this.#left = `${timeText((perStep * (progress.totalSteps - progress.step)) / 1000)} left`;
  }

  evaluating(images: number, total: number): void {
    this.#evaluating = images < total ? `evaluating ${images}/${total}` : '';
  }

  #parts(): StatusPart[] {
    const { primary } = this.#facts;
    const epochs = Number(this.#facts.epochs.toFixed(1));
    const last = this.#last;
    const { epoch } = last ?? this.#facts;
    const parts: StatusPart[] = [{ text: `epoch ${epoch.toFixed(1)}/${epochs}`, keep: 'needed' }];
    if (last) {
      parts.push({ text: `step ${last.step}/${last.totalSteps}`, keep: 1 });
      for (const [name, loss] of last.losses) {
        const short = `${name} ${lossText(loss)}`;
        const keep = name === primary ? 'needed' : 2;
        parts.push({ text: `${name} loss ${lossText(loss)}`, short, keep });
      }
      parts.push({ text: `top-1 ${last.top1.toFixed(1)} %`, keep: 3 });
    }
    if (this.#evaluating) parts.push({ text: this.#evaluating, keep: 'needed' });
    if (last && !this.#evaluating) {
      const rate = last.imagesPerSecond.toFixed(last.imagesPerSecond < 10 ? 1 : 0);
      parts.push({ text: `${rate} images/s`, short: `${rate} img/s`, keep: 'needed' });
    }
    if (this.#left) parts.push({ text: this.#left, keep: 'needed' });
    if (last) parts.push({ text: `data wait ${percent(last.dataWait)}`, keep: 0 });
    return parts;
  }
}
