/**
 * Trains a network from a program, stops it after a while, goes on, and names the classes of some images.
 *
 *   node train.js my.yaml my-photos/val
 *
 * Compiled, or copied to train.js as it is: docs/api.md, "In a project".
 */
import { loadConfig, planExperiment, planJson, predict, RelaybpError, train } from 'relaybp';

const [file, images] = process.argv.slice(2);
if (!file || !images) throw new Error('usage: train.ts <config.yaml> <images>');

try {
  const config = loadConfig(file, ['training.logEvery=5 steps']);
  const { totals } = planJson(planExperiment(config));
  console.log(`${config.config.name}: ${totals.parameters} parameters`);

  // The first ten steps, then a stop: the step under way is finished and saved.
  const stop = new AbortController();
  const options = {}; // those of the command line, in camel case
  const first = await train(config, options, {
    signal: stop.signal,
    notice: (line) => console.log(line),
    events: {
      step: ({ step, loss }) => {
        if (step === 10) stop.abort();
        if (step % 5 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`);
      },
    },
  });
  console.log(`interrupted: ${first.interrupted}, after step ${first.step}`);

  // From there to the end, with the very numbers of an uninterrupted training.
  const { run, best } = await train(config, { resume: first.run });
  console.log(`best top-1: ${best?.top1.toFixed(1)} % at step ${best?.step}`);

  for await (const { image, best: classes } of predict(run, [images], { topk: 1 })) {
    console.log(`${image}: ${classes[0]?.class}`);
  }
} catch (error) {
  if (!(error instanceof RelaybpError)) throw error;
  console.error(error.message, error.hint ?? ''); // a mistake in the config, missing images, …
  process.exitCode = 1;
}
