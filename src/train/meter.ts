import type { Communicator } from '../distributed/communicator.js';
import type { StepProgress } from './events.js';
import type { StepResult } from './train-step.js';

/** Means and rates over the steps since it was last reset. */
export class Meter {
  /** Sum over the steps in which the loss was on, and how many these were. */
  private losses = new Map<string, { sum: number; steps: number }>();
  private hits = { images: 0, top1: 0, top5: 0 };
  private began = performance.now();
  private waited: number;
  private paused = 0;
  private rankWaited: number;

  constructor(
    private readonly waitedMs: () => number,
    private readonly ranks: Pick<Communicator, 'waitedMs'>,
  ) {
    this.waited = waitedMs();
    this.rankWaited = ranks.waitedMs;
  }

  add({ losses, top }: StepResult): void {
    for (const [name, loss] of losses) {
      const { sum, steps } = this.losses.get(name) ?? { sum: 0, steps: 0 };
      this.losses.set(name, { sum: sum + loss, steps: steps + 1 });
    }
    const { images, top1, top5 } = top.result();
    this.hits.images += images;
    this.hits.top1 += (top1 * images) / 100;
    this.hits.top5 += (top5 * images) / 100;
  }

  /** Runs something, an evaluation say, whose time is not the training's. */
  async pause<T>(work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const { waitedMs } = this.ranks;
    try {
      return await work();
    } finally {
      this.paused += performance.now() - start;
      this.rankWaited += this.ranks.waitedMs - waitedMs;
    }
  }

  /** Leaves out time that was not the training's. */
  exclude(milliseconds: number): void {
    this.paused += milliseconds;
  }

  read(): Pick<StepProgress, 'top1' | 'imagesPerSecond' | 'dataWait' | 'rankWait'> & {
    top5: number;
    losses: Map<string, number>;
  } {
    const elapsed = Math.max(1e-6, performance.now() - this.began - this.paused);
    const images = Math.max(1, this.hits.images);
    return {
      losses: new Map([...this.losses].map(([name, { sum, steps }]) => [name, sum / steps])),
      top1: (100 * this.hits.top1) / images,
      top5: (100 * this.hits.top5) / images,
      imagesPerSecond: (1000 * this.hits.images) / elapsed,
      dataWait: Math.min(1, (this.waitedMs() - this.waited) / elapsed),
      rankWait: Math.min(1, (this.ranks.waitedMs - this.rankWaited) / elapsed),
    };
  }

  reset(): void {
    this.losses.clear();
    this.hits = { images: 0, top1: 0, top5: 0 };
    this.began = performance.now();
    this.paused = 0;
    this.waited = this.waitedMs();
    this.rankWaited = this.ranks.waitedMs;
  }
}
