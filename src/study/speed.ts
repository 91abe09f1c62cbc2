import { syntheticSource } from '../bench/batches.js';
import { BenchSession } from '../bench/bench-session.js';
import { parseConfig } from '../config/load.js';
import type { Engine } from '../engine/engine.js';
import { planExperiment } from '../experiment/experiment-plan.js';
import { totals } from '../plan/cost.js';

/** A network like those that are studied, but small: what it takes for a multiply-add is about what they take. */
const NETWORK = `version: 1
name: speed
data: {root: ., classes: 10, resize: 32, crop: 32, mean: [0, 0, 0]}
model:
  input: [32, 32, 3]
  segments:
    - name: only
      layers: [conv: {filters: 32, kernel: 3}, maxpool: {size: 2}, conv: {filters: 64, kernel: 3, repeat: 2}]
losses: [{name: primary, after: only, head: [avgpool: {size: global}, fc: {units: classes}]}]
optimizer: {lr: 0.01}
training: {steps: 1, batchSize: 16}
`;
const STEPS = 5;

/** How many multiply-adds an engine does in a second of training, roughly: measured in about a second. */
export async function measureSpeed(engine: Engine): Promise<number> {
  const plan = planExperiment(parseConfig(NETWORK, 'speed'));
  const session = new BenchSession(plan, engine, syntheticSource(plan));
  try {
    await session.run();
    let fastest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < STEPS; i++) fastest = Math.min(fastest, (await session.run()).ms);
    return (1000 * plan.microBatch * totals(plan).step.multiplyAdds) / fastest;
  } finally {
    await session.close();
  }
}
