import { collectGarbage } from '../collect-garbage.js';
import type { Batch } from '../data/loader/loader.js';
import type { Communicator } from '../distributed/communicator.js';
import type { Engine } from '../engine/engine.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { flatten } from '../model/network-plan.js';
import { NetworkRuntime } from '../model/network-runtime.js';
import { Parameters } from '../model/parameters.js';
import { slotsOf } from '../train/optimizer.js';
import { RankStep } from '../train/rank-step.js';
import { trainStep } from '../train/train-step.js';
import type { BenchBatches } from './batches.js';
import { type ProcessMemory, processMemory, resetPeak } from './memory-use.js';
import { type LayerTimes, Stopwatch } from './stopwatch.js';
import { waitFor } from './wait.js';

/** So small that no network diverges on noise; the arithmetic of the update is that of any other. */
const LEARNING_RATE = 1e-6;

export interface StepTime {
  ms: number;
  /** Of which for images. */
  dataWaitMs: number;
}

/** One step as a stopwatch saw it; milliseconds. */
export interface StepProfile extends StepTime {
  loss: number;
  layers: Map<string, LayerTimes>;
  otherUpdates: number;
}

/** A network that is trained for its speed alone. Owns its parameters and the source of images. */
export class BenchSession {
  /** After building the network and what the optimizer keeps; null where it is not known. */
  readonly built: ProcessMemory | null;
  private readonly parameters: Parameters;
  private readonly network: NetworkRuntime;
  /** Where several train it together. */
  readonly ranks: RankStep | null;
  private step = 0;
  private waited = 0;

  constructor(
    readonly plan: ExperimentPlan,
    readonly engine: Engine,
    private readonly source: BenchBatches,
    together: Communicator | null = null,
  ) {
    const layers = [...plan.layers.values()];
    const { seed, optimizer } = plan.config;
    this.parameters = new Parameters(engine, layers, seed);
    for (const name of this.trained()) {
      for (const slot of slotsOf(optimizer)) this.parameters.slot(slot, name);
    }
    if (optimizer.ema !== undefined) {
      for (const name of this.parameters.names()) this.parameters.slot('ema', name);
    }
    collectGarbage();
    this.network = new NetworkRuntime(engine, layers, this.parameters, seed);
    this.ranks = together && new RankStep(together, plan, engine, this.parameters);
    this.built = processMemory();
    resetPeak();
  }

  /** Trains one step, exactly as a training does. */
  async run(): Promise<StepTime> {
    return this.timed(this.network);
  }

  /** Trains steps with a stopwatch at every layer: they take a little longer. */
  async profile(steps: number): Promise<StepProfile[]> {
    const watch = new Stopwatch(this.plan, this.engine, this.parameters);
    const profiles: StepProfile[] = [];
    for (let i = 0; i < steps; i++) {
      watch.reset();
      const time = await this.timed(watch.network);
      const layers = [...watch.layers].map(([name, times]) => [name, { ...times }] as const);
      const { loss, otherUpdates } = watch;
      profiles.push({ ...time, loss, otherUpdates, layers: new Map(layers) });
    }
    return profiles;
  }

  async close(): Promise<void> {
    await this.source.close();
    this.parameters.dispose();
  }

  private async timed(network: NetworkRuntime): Promise<StepTime> {
    const { plan, parameters, ranks } = this;
    const next = (): Promise<Batch> => this.next();
    this.waited = 0;
    const start = performance.now();
    await trainStep(
      { plan, network, parameters, next, ranks },
      { step: this.step, lr: LEARNING_RATE },
    );
    waitFor(this.engine);
    this.step += 1;
    return { ms: performance.now() - start, dataWaitMs: this.waited };
  }

  private async next(): Promise<Batch> {
    const start = performance.now();
    const batch = await this.source.next();
    this.waited += performance.now() - start;
    return batch;
  }

  /** Names of the parameters that a step updates. */
  private trained(): string[] {
    const updated = new Set(this.plan.step.update);
    return [...this.plan.layers.values()]
      .filter(({ name }) => updated.has(name))
      .flatMap(flatten)
      .filter(({ frozen }) => !frozen)
      .flatMap(({ parameters }) => parameters.filter(({ state }) => !state))
      .map(({ name }) => name);
  }
}
