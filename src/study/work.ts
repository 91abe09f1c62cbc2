import type { StudyImages } from './study-data.js';
import { finalRunsOf, type StudyPlan, type StudyRun } from './study-runs.js';
import { workloadOf } from './workload.js';

/** How much of a study is done, in multiply-adds, and how long the rest takes. */
export class Work {
  private readonly loads = new Map<object, number>();
  private readonly began = performance.now();
  /** Done here, and the parts of runs that are under way, by their ids. */
  private done = 0;
  private readonly under = new Map<string, { share: number; from: number }>();

  constructor(
    private readonly plan: StudyPlan,
    private readonly imagesOf: (run: StudyRun) => StudyImages,
  ) {}

  /** Of the whole run. */
  of(run: StudyRun): number {
    const known = this.loads.get(run.variation);
    if (known !== undefined) return known;
    const load = workloadOf(run.plan, this.imagesOf(run)).multiplyAdds!;
    this.loads.set(run.variation, load);
    return load;
  }

  /** A run has come so far. @param share of it, 0 to 1 */
  at(run: StudyRun, share: number): void {
    const before = this.under.get(run.id);
    this.under.set(run.id, { share, from: before?.from ?? share });
  }

  /** A run is over, here. */
  end(run: StudyRun): void {
    const { share, from } = this.under.get(run.id) ?? { share: 0, from: 0 };
    this.done += Math.max(0, share - from) * this.of(run);
    this.under.delete(run.id);
  }

  /**
   * Seconds until these are done, at the speed so far; null before anything is known of it.
   *
   * @param left runs that are not over, those under way included
   * @param unsettled final runs whose values are not known
   */
  secondsLeft(left: readonly StudyRun[], unsettled: number): number | null {
    const seconds = (performance.now() - this.began) / 1000;
    const share = (run: StudyRun): number => this.under.get(run.id)?.share ?? 0;
    let done = this.done;
    for (const run of left) {
      const at = this.under.get(run.id);
      if (at) done += (at.share - at.from) * this.of(run);
    }
    if (done <= 0 || seconds < 1) return null;
    const rest = left.reduce((sum, run) => sum + (1 - share(run)) * this.of(run), 0);
    return ((rest + unsettled * this.usual()) * seconds) / done;
  }

  /** Of a final run, in the mean over the combinations. */
  private usual(): number {
    const { combinations, candidates } = this.plan;
    const loads = combinations.map(({ id }) =>
      this.of(finalRunsOf(this.plan, candidates.get(id)![0]!)[0]!),
    );
    return loads.reduce((sum, load) => sum + load, 0) / loads.length;
  }
}
