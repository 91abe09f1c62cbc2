import { writeFileSync } from 'node:fs';
import { findCheckpoint, readState, readTensors } from '../checkpoint/checkpoint.js';
import { parseConfig, printConfig } from '../config/load.js';
import { imagePath } from '../data/image-index.js';
import { type Batch, Loader } from '../data/loader.js';
import { openEngine } from '../engine/select.js';
import { CheckpointError } from '../errors.js';
import { evaluate } from '../eval/evaluate.js';
import { csvLine, predictions, RESULT_COLUMNS } from '../eval/results.js';
import { NetworkRuntime } from '../model/network-runtime.js';
import { Parameters } from '../model/parameters.js';
import { trunkOf } from '../model/plan.js';
import { planExperiment } from '../plan/experiment.js';
import { openImages, readNormalization } from '../train/data.js';
import { newestRun } from '../train/run-folder.js';
import type { EngineOptions } from './options.js';

export interface EvalCommandOptions extends EngineOptions {
  data?: string;
  /** Which checkpoint of a run. */
  checkpoint: 'best' | 'last';
  results?: string;
  batchSize?: number;
}

export interface EvalResult {
  checkpoint: string;
  step: number;
  data: string;
  images: number;
  loss: number;
  top1: number;
  top5: number;
  top1_err: number;
  top5_err: number;
  /** Files that could not be decoded and do not count. */
  skipped: number;
  imagesPerSecond: number;
  engine: string;
}

/** `relaybp eval`: single centre crop (paper, §4). The auxiliary heads are neither built nor run. */
export async function evalCommand(
  target: string | undefined,
  options: EvalCommandOptions,
  onNotice: (line: string) => void,
): Promise<EvalResult> {
  const checkpoint = checkpointOf(target, options, onNotice);
  const state = readState(checkpoint);
  const plan = planExperiment(parseConfig(printConfig(state.config), `${checkpoint}/state.json`));
  const { data, evaluation } = plan.config;
  const folder = options.data ?? `${data.root}/${data.val}`;
  const index = options.data
    ? openImages(options.data, '.', state.classes, onNotice)
    : openImages(data.root, data.val, state.classes, onNotice);
  const engine = await openEngine(options.engine, { onNotice });

  const head = plan.network.heads.find(({ loss }) => loss === plan.primary.name)!;
  const layers = [...trunkOf(plan.network), ...head.layers];
  const parameters = new Parameters(engine, layers, 0);
  const wanted = new Set(parameters.names());
  const weights = [...readTensors(checkpoint, 'weights')].filter(([name]) => wanted.has(name));
  parameters.restore(new Map(weights));
  const runtime = new NetworkRuntime(engine, layers, parameters, 0);
  const network = {
    engine,
    trunk: plan.trunk.map((layer) => layer.name),
    heads: [
      { loss: head.loss, tap: plan.primary.tap, layers: head.layers.map(({ name }) => name) },
    ],
    layer: (name: string) => runtime.layer(name),
  };
  const tensors = readTensors(checkpoint, 'normalization');
  const loader = new Loader({
    dataset: index,
    sampler: { kind: 'sequential', seed: 0 },
    start: 0,
    end: index.count,
    slot: options.batchSize ?? evaluation.batchSize ?? plan.microBatch,
    preprocessing: readNormalization(data, tensors, checkpoint).preprocessing,
    augment: null,
    seed: 0,
    onError: data.onError,
  });
  const rows: string[] = [];
  const onLogits = (_loss: string, logits: Float32Array, batch: Batch): void => {
    if (!options.results?.endsWith('.csv')) return;
    for (const row of predictions(logits, batch.labels, state.classes)) {
      rows.push(csvLine([imagePath(index, batch.indices[row.at]!), ...row.cells]));
    }
  };
  try {
    const outcome = await evaluate(network, loader, plan.network.input, { onLogits });
    const result = outcome!.heads.get(head.loss)!;
    const { skipped } = loader;
    for (const { path, reason } of skipped) onNotice(`skipped: ${path}: ${reason}`);
    const summary: EvalResult = {
      checkpoint,
      step: state.step,
      data: folder,
      ...result,
      skipped: skipped.length,
      imagesPerSecond: Number((result.images / outcome!.seconds).toFixed(1)),
      engine: engine.info.name,
    };
    if (options.results?.endsWith('.csv')) {
      writeFileSync(options.results, csvLine(RESULT_COLUMNS) + rows.join(''));
    } else if (options.results) {
      writeFileSync(options.results, `${JSON.stringify(summary, null, 1)}\n`);
    }
    return summary;
  } finally {
    await loader.close();
    parameters.dispose();
  }
}

function checkpointOf(
  target: string | undefined,
  options: EvalCommandOptions,
  onNotice: (line: string) => void,
): string {
  const run = target ?? newestRun();
  if (run === undefined) {
    throw new CheckpointError(
      'no run with a checkpoint under runs/',
      'name one: relaybp eval <run>',
    );
  }
  const checkpoint = findCheckpoint(run, options.checkpoint);
  if (target === undefined) onNotice(`evaluating the newest run: ${checkpoint}`);
  return checkpoint;
}
