import cliProgress from 'cli-progress';
import type { Logger } from 'pino';
import type { LoggedRow, StepProgress, TrainEvents } from '../train/events.js';

/** Where lines for a person go. */
export interface Terminal {
  readonly interactive: boolean;
  line(text: string): void;
}

/**
 * Shows a training: on a terminal a progress bar with the evaluations above it, in a pipe plain lines. Everything
 * also goes to the run's log as JSON lines. `setLog` tells where, once the run folder is there.
 */
export function trainView(
  terminal: Terminal,
): TrainEvents & { setLog(log: Logger): void; end(): void } {
  const bar = terminal.interactive ? new Bar() : null;
  const print = (text: string): void => (bar ? bar.above(text, terminal) : terminal.line(text));
  let log: Logger | null = null;
  return {
    setLog: (to) => {
      log = to;
    },
    end: () => bar?.stop(),
    start(facts) {
      log?.info(facts, 'training starts');
      print(`engine ${facts.engine}`);
      print(`${facts.images} training images, ${facts.totalSteps} steps, run folder ${facts.run}`);
      if (facts.step > 0) print(`going on after step ${facts.step}`);
      bar?.start(facts.totalSteps, facts.step);
    },
    step: (progress) => bar?.update(progress),
    logged(row) {
      log?.info(logFields(row), 'train');
      if (!bar) terminal.line(trainLine(row));
    },
    evaluating(images, total) {
      bar?.evaluating(images, total);
    },
    evaluated(step, epoch, heads, seconds, best) {
      log?.info({ step, epoch, heads: Object.fromEntries(heads), seconds, best }, 'evaluation');
      const [first] = heads.values();
      const losses = [...heads].map(([name, head]) => `${name} loss ${head.loss.toFixed(3)}`);
      print(
        `epoch ${epoch.toFixed(2)}  step ${step}  validation: top-1 ${first!.top1.toFixed(2)} %  top-5 ${first!.top5.toFixed(2)} %  ${losses.join('  ')}${best ? '  (best)' : ''}`,
      );
    },
    checkpoint: (path) => log?.info({ path }, 'checkpoint'),
    notice(text) {
      log?.warn(text);
      print(text);
    },
  };
}

function logFields({ losses, ...row }: LoggedRow): object {
  return { ...row, losses: Object.fromEntries(losses) };
}

function trainLine(row: LoggedRow): string {
  const losses = [...row.losses].map(([name, loss]) => `${name} ${loss.toFixed(3)}`).join('  ');
  return `step ${row.step}/${row.totalSteps}  epoch ${row.epoch.toFixed(2)}  loss ${losses}  top-1 ${row.top1.toFixed(1)} %  ${row.imagesPerSecond.toFixed(0)} img/s  data wait ${percent(row.dataWait)}  lr ${row.lr.toPrecision(3)}`;
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** The progress bar at the foot of the terminal; lines go above it. */
class Bar {
  private readonly bars = new cliProgress.MultiBar({
    format:
      '{bar} {value}/{total}  loss {loss}  top-1 {top1} %  {rate} img/s  data wait {wait}  {left} {note}',
    stream: process.stdout,
    barsize: 20,
    hideCursor: true,
    gracefulExit: false, // signals are the command line's
    barCompleteChar: '█',
    barIncompleteChar: '░',
  });
  private bar: cliProgress.SingleBar | null = null;
  private since = 0;
  private first = 0;

  start(total: number, at: number): void {
    this.since = performance.now();
    this.first = at;
    const blank = { loss: '-', top1: '-', rate: '-', wait: '-', left: '', note: '' };
    this.bar = this.bars.create(total, at, blank);
  }

  update(progress: StepProgress): void {
    const perStep = (performance.now() - this.since) / Math.max(1, progress.step - this.first);
    const left = Math.round((perStep * (progress.totalSteps - progress.step)) / 1000);
    this.bar?.update(progress.step, {
      loss: progress.loss.toFixed(3),
      top1: progress.top1.toFixed(1),
      rate: progress.imagesPerSecond.toFixed(0),
      wait: percent(progress.dataWait),
      left: `${duration(left)} left`,
      note: '',
    });
  }

  evaluating(images: number, total: number): void {
    this.bar?.update({ note: images < total ? `evaluating ${images}/${total}` : '' });
  }

  above(text: string, terminal: Terminal): void {
    if (!this.bar) terminal.line(text);
    else this.bars.log(`${text}\n`);
  }

  stop(): void {
    this.bars.update();
    this.bars.stop();
  }
}

function duration(seconds: number): string {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h} h ${m} min` : m > 0 ? `${m} min ${s} s` : `${s} s`;
}
