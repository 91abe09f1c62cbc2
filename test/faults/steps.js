// Trains a tiny net for many steps, and prints resident memory and tensors every hundred: a process of its own, so
// that nothing but the training is measured.
// node --expose-gc steps.js ENGINE STEPS CONFIG RUN
import { loadConfig } from '../../dist/config/load.js';
import { printConfig } from '../../dist/config/print.js';
import { openEngine } from '../../dist/engine/select.js';
import { beginningTimeline } from '../../dist/experiment/epochs.js';
import { planExperiment } from '../../dist/experiment/experiment-plan.js';
import { openImages, openTrainingImages } from '../../dist/experiment/images.js';
import { normalization } from '../../dist/experiment/input-normalization.js';
import { newRun, RunFolder } from '../../dist/run/run-folder.js';
import { beginning } from '../../dist/train/standing.js';
import { runTraining } from '../../dist/train/trainer.js';

const [name, steps, config, out] = process.argv.slice(2);
const quiet = () => {};
const plan = planExperiment(loadConfig(config, [`training.steps=${steps}`]));
const { data } = plan.config;
const images = await openTrainingImages(data, quiet);
const engine = await openEngine(name);
const { path, lock } = newRun(out, 'memory', new Date());
const losses = plan.losses.map((loss) => loss.name);
const events = new Proxy(
  {},
  {
    get: (_, event) =>
      event === 'step'
        ? ({ step }) => {
            if (step % 100 !== 0) return;
            const tensors = engine.tensorCount();
            const raw = engine.rawTensorCount?.() ?? tensors;
            gc(); // what is measured is what is held, not what a lazy collector has not looked at yet
            const { rss } = process.memoryUsage();
            console.log(JSON.stringify({ step, tensors, raw, mebibytes: rss / 2 ** 20 }));
          }
        : quiet,
  },
);
await runTraining({
  plan,
  written: {},
  engine,
  train: images,
  val: await openImages(data.root, data.val, images.classes, quiet),
  normalization: await normalization(data, images, { cacheDir: `${out}-cache` }),
  open: () => RunFolder.create(path, printConfig(plan.config), { all: losses, changing: [] }),
  timeline: beginningTimeline(plan, images),
  progress: beginning(),
  restore: null,
  initial: null,
  maxSteps: null,
  evaluationLimit: null,
  events,
  stop: () => false,
});
lock.release();
console.log(JSON.stringify({ step: 'end', tensors: engine.tensorCount() }));
