/**
 * One case of scripts/bench-memory.js, alone in its process: builds the network, takes training steps on synthetic
 * images, and prints what it needed as one line of JSON. Sizes are in bytes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { loadConfig } from '../../dist/config/load.js';
import { openEngine } from '../../dist/engine/select.js';
import { NetworkRuntime } from '../../dist/model/network-runtime.js';
import { Parameters } from '../../dist/model/parameters.js';
import { planExperiment } from '../../dist/plan/experiment.js';
import { memoryPlan } from '../../dist/plan/memory.js';
import { Random } from '../../dist/random.js';
import { collectGarbage } from '../../dist/train/collect-garbage.js';
import { slotsOf } from '../../dist/train/optimizer.js';
import { trainStep } from '../../dist/train/train-step.js';

const { config, sets, engine: name, steps } = JSON.parse(process.argv[2] ?? '{}');
const plan = planExperiment(loadConfig(config, sets));
const engine = await openEngine(name, { onNotice: (line) => process.stderr.write(`${line}\n`) });
const started = resident().now;
const layers = [...plan.layers.values()];
const parameters = new Parameters(engine, layers, plan.config.seed);
for (const parameter of parameters.names()) {
  if (parameters.plan(parameter).state) continue;
  for (const slot of slotsOf(plan.config.optimizer)) parameters.slot(slot, parameter);
}
const network = new NetworkRuntime(engine, layers, parameters, plan.config.seed);
collectGarbage();
const built = resident();
writeFileSync('/proc/self/clear_refs', '5'); // the peak counts from here

const random = new Random(1, 'bench');
const size = plan.microBatch;
const images = Float32Array.from(
  { length: size * plan.network.input.reduce((a, b) => a * b, 1) },
  () => random.normal(),
);
const labels = Int32Array.from({ length: size }, () => random.int(plan.network.classes));
const next = async () => ({ images, labels, size, release() {} });
const times = [];
const cpu = [];
for (let step = 0; step < steps; step++) {
  const start = performance.now();
  const before = process.cpuUsage();
  await trainStep(plan, network, parameters, next, step, plan.config.optimizer.lr / 100);
  times.push(performance.now() - start);
  const { user, system } = process.cpuUsage(before);
  cpu.push((user + system) / 1000);
  process.stderr.write(
    `step ${step} ${JSON.stringify(resident())} ${times.at(-1)} cpu ${cpu.at(-1)}\n`,
  );
}
const { peak } = resident();
process.stdout.write(
  `${JSON.stringify({
    started,
    built: built.now,
    peakBuilding: built.peak,
    peak,
    activations: peak - built.now,
    predicted: memoryPlan(plan),
    stepMs: times,
  })}\n`,
);

/** Resident memory of this process now and at most, from /proc. */
function resident() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const field = (key) => 1024 * Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
  return { now: field('VmRSS'), peak: field('VmHWM') };
}
