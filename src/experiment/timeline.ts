import { amountOf, type Duration, isInSteps, toSteps } from '../config/duration.js';

/**
 * From which point on an epoch has how many steps. A training has one pace, and one more for each `--resume` with
 * another batch or other images: what was done stays done, and epochs go on from where they were.
 */
export interface Pace {
  /** Optimizer steps, images drawn and epochs done when it began. */
  readonly step: number;
  readonly position: number;
  readonly epoch: number;
  /** Of each epoch from then on. */
  readonly stepsPerEpoch: number;
  readonly batchSize: number;
  /** In the training set. */
  readonly images: number;
}

/** What of a pace its training set and batch decide. */
export type PaceSize = Pick<Pace, 'stepsPerEpoch' | 'batchSize' | 'images'>;

/** Steps, epochs and images drawn, as one time. With a single pace an epoch has always the same number of steps. */
export class Timeline {
  readonly paces: readonly Pace[];
  private readonly current: Pace;

  /** @param paces at least one, in their order; the first begins at zero */
  constructor(paces: readonly Pace[]) {
    this.paces = paces;
    this.current = paces.at(-1)!;
  }

  /** A training from its beginning. */
  static begin(size: PaceSize): Timeline {
    return new Timeline([{ step: 0, position: 0, epoch: 0, ...size }]);
  }

  /** The same until `step`, and from there on another pace if `size` is another. */
  goingOn(step: number, size: PaceSize): Timeline {
    const { stepsPerEpoch, batchSize, images } = this.current;
    const same =
      stepsPerEpoch === size.stepsPerEpoch &&
      batchSize === size.batchSize &&
      images === size.images;
    if (same) return this;
    const before = this.paces.filter((pace) => pace.step < step);
    const start = { step, position: this.positionAt(step), epoch: this.epochAt(step) };
    return new Timeline([...before, { ...start, ...size }]);
  }

  get stepsPerEpoch(): number {
    return this.current.stepsPerEpoch;
  }

  /** Epochs done after `step` steps. */
  epochAt(step: number): number {
    const pace = this.paceAt((one) => one.step <= step);
    return pace.epoch + (step - pace.step) / pace.stepsPerEpoch;
  }

  /** Images drawn after `step` steps. */
  positionAt(step: number): number {
    const pace = this.paceAt((one) => one.step <= step);
    return pace.position + (step - pace.step) * pace.batchSize;
  }

  /** The step at which a duration from the start is over. */
  stepAt(duration: Duration): number {
    if (isInSteps(duration)) return toSteps(duration, 0);
    const epoch = amountOf(duration);
    return stepOf(
      this.paceAt((one) => one.epoch <= epoch),
      epoch,
    );
  }

  /**
   * How far a training is on the way to `end`, from 0 at `start` to 1 and no further: in steps or in epochs, as `end`
   * is. Both count from the beginning; `step` may be a fraction.
   */
  share(start: Duration, end: Duration, step: number): number {
    const at = (duration: Duration): number =>
      isInSteps(end) ? this.stepAt(duration) : this.levelStepAt(duration);
    const share = (step - at(start)) / Math.max(1, at(end) - at(start));
    return Math.max(0, Math.min(1, share));
  }

  /**
   * The step at which a duration is over if the training had had the current pace from the start: so that a share of
   * the epochs is the same share of the steps.
   */
  private levelStepAt(duration: Duration): number {
    const epoch = isInSteps(duration) ? this.epochAt(toSteps(duration, 0)) : amountOf(duration);
    return stepOf(this.current, epoch);
  }

  /** How many whole intervals are over after `step` steps; each has at least one step. */
  count(interval: Duration, step: number): number {
    const length = ({ stepsPerEpoch }: Pace): number =>
      Math.max(1, toSteps(interval, stepsPerEpoch));
    let count = 0;
    let next = length(this.paces[0]!);
    for (const [i, pace] of this.paces.entries()) {
      const following = this.paces[i + 1];
      const until = Math.min(step, following?.step ?? step);
      if (until >= next) {
        const passed = 1 + Math.floor((until - next) / length(pace));
        count += passed;
        next += passed * length(pace);
      }
      if (!following || following.step >= step) break;
      if (isInSteps(interval)) continue;
      // What is left of an interval goes on at the next pace.
      const left = ((next - following.step) * following.stepsPerEpoch) / pace.stepsPerEpoch;
      next = following.step + Math.max(1, Math.round(left));
    }
    return count;
  }

  /** Whether an interval ends with `step`. */
  due(interval: Duration, step: number): boolean {
    return step > 0 && this.count(interval, step) > this.count(interval, step - 1);
  }

  private paceAt(begun: (pace: Pace) => boolean): Pace {
    return this.paces.findLast(begun) ?? this.paces[0]!;
  }
}

const stepOf = ({ step, epoch, stepsPerEpoch }: Pace, at: number): number =>
  Math.round(step + (at - epoch) * stepsPerEpoch);
