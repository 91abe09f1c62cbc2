/** timm's recipes in this config: the same rate at every step (scripts/reference-schedules.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import type { Metric } from '../../src/config/metric.js';
import { Timeline } from '../../src/experiment/timeline.js';
import { afterEvaluation, initialScheduleState, learningRate } from '../../src/train/schedule.js';
import { SMALL_CONFIG } from '../support/configs.js';

/** As timm's create_scheduler_v2 takes them. */
interface Settings {
  sched: 'cosine' | 'step' | 'multistep' | 'plateau';
  warmup_epochs?: number;
  warmup_lr?: number;
  warmup_prefix?: boolean;
  min_lr?: number;
  step_on_epochs?: boolean;
  decay_epochs?: number;
  decay_rate?: number;
  decay_milestones?: number[];
  patience_epochs?: number;
  plateau_mode?: 'min';
}

const reference: {
  lr: number;
  updates: number;
  top1: number[];
  loss: number[];
  cases: { settings: Settings; epochs: number; rates: number[] }[];
} = JSON.parse(readFileSync(new URL('../fixtures/schedules/timm.json', import.meta.url), 'utf8'));

/** The table of docs/compatibility.md. */
function inOurWords(settings: Settings): object {
  const { sched, decay_rate: factor, min_lr: minimum = 0 } = settings;
  const common = {
    type: sched,
    warmup: settings.warmup_epochs ?? 0,
    warmupFrom: settings.warmup_lr ?? 1e-5,
    per: settings.step_on_epochs === false ? 'step' : 'epoch',
  };
  switch (sched) {
    case 'cosine':
      return { ...common, minimum, over: settings.warmup_prefix ? 'rest' : 'all' };
    case 'step':
      return { ...common, every: settings.decay_epochs, factor };
    case 'multistep': // one epoch early, as timm has always done
      return { ...common, milestones: settings.decay_milestones!.map((at) => at - 1), factor };
    case 'plateau': {
      const patience = settings.patience_epochs! + 1;
      return { ...common, minimum, factor, patience, threshold: 1e-4, thresholdOf: 'best' };
    }
  }
}

describe.each(reference.cases)('$settings', ({ settings, epochs, rates }) => {
  it("has timm's rate at every step", () => {
    const { lr, updates, top1, loss } = reference;
    const text = `${SMALL_CONFIG}schedule: ${JSON.stringify(inOurWords(settings))}\n`;
    const { schedule } = parseConfig(text, 'test').config;
    const timeline = Timeline.begin({ stepsPerEpoch: updates, batchSize: 4, images: 28 });
    const durations = { timeline, length: epochs };
    const metric: Metric = settings.plateau_mode === 'min' ? 'loss' : 'top1';
    let state = initialScheduleState();
    for (const [step, rate] of rates.entries()) {
      const epoch = step / updates;
      if (Number.isInteger(epoch) && epoch > 0) {
        const error = metric === 'loss' ? loss[epoch - 1] : 100 - top1[epoch - 1]!;
        const warming = step <= timeline.stepAt(schedule.warmup);
        state = afterEvaluation(schedule, state, error ?? 0, { metric, warming });
      }
      const ours = learningRate(schedule, lr, step, durations, state);
      expect(Math.abs(ours / rate - 1), `step ${step}: ${ours} for ${rate}`).toBeLessThan(1e-9);
    }
  });
});
