/**
 * relaybp as a contender: `node relaybp-worker.js <config> <options as JSON>`. A line with a number on stdin runs as
 * many training steps; their times and the memory come back as a line of JSON.
 */
import { createInterface } from 'node:readline';

const [config, json] = process.argv.slice(2);
const { openBenchSession } = await import('../../dist/commands/bench.js');
const { processMemory } = await import('../../dist/bench/memory-use.js');
const { totals } = await import('../../dist/plan/cost.js');
const { memoryPlan } = await import('../../dist/experiment/step-memory.js');

const print = (/** @type {unknown} */ value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const notice = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);
const session = await openBenchSession(config, JSON.parse(json), { notice }).catch((error) => {
  notice(error.message);
  process.exit(1);
});
const { plan, engine, built } = session;
const memory = () => {
  const now = processMemory();
  // The session starts the peak anew after building.
  return { resident: now.resident, peak: Math.max(built.peak, now.peak) };
};
const { parameters, auxiliaryParameters, step } = totals(plan);
print({
  ready: {
    engine: engine.info,
    parameters: parameters + auxiliaryParameters,
    multiplyAdds: step.multiplyAdds,
    batchSize: plan.config.training.batchSize,
    memory: memory(),
    predictedPeak: memoryPlan(plan).peak / 2 ** 20,
  },
});
for await (const line of createInterface({ input: process.stdin })) {
  const ms = [];
  for (let i = 0; i < Number(line); i++) ms.push((await session.run()).ms);
  print({ ms, memory: memory() });
}
await session.close();
