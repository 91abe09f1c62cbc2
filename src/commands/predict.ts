import type { FilePath } from '../data/index/file-names.js';
import { leftOutText } from '../data/index/left-out.js';
import { indexPaths } from '../data/index/path-index.js';
import type { OnError } from '../data/loader/failure-policy.js';
import { openEngine } from '../engine/select.js';
import { ConfigError, DataError } from '../errors.js';
import {
  type ImagePredictions,
  type PredictionFormat,
  predictionWriter,
} from '../eval/prediction-format.js';
import { bestClasses } from '../eval/results.js';
import { scoreImages } from '../eval/score.js';
import { type ProtocolOptions, protocolOf } from '../eval/test-protocol.js';
import { checkpointOf, type ModelOptions, openModel } from './model.js';

export interface PredictOptions extends ModelOptions, ProtocolOptions {
  topk: number;
  /** Default: the config's `data.onError.policy`. */
  onError?: OnError['policy'];
}

export interface PredictCommandOptions extends PredictOptions {
  format: PredictionFormat;
  /** In CSV, names exactly as they are. */
  rawNames?: boolean;
}

/** Where the command's words go. */
export interface PredictOutput {
  /** Predictions, in the order of the images. */
  write(text: string): void;
  notice(line: string): void;
}

/**
 * `relaybp predict`: the best classes of images without labels.
 *
 * @param paths files and folders, in the order of the output
 * @throws DataError if no image could be decoded, or one could not and the policy is `fail`
 */
export async function predictCommand(
  run: string,
  paths: readonly FilePath[],
  options: PredictCommandOptions,
  output: PredictOutput,
): Promise<void> {
  const { format, rawNames } = options;
  if (rawNames && format !== 'csv') {
    throw new ConfigError(
      `--raw-names is about --format csv, not ${format}`,
      format === 'json' ? 'JSON has names exactly as they are' : 'leave it out',
    );
  }
  const { k, classes, images } = await predictions(run, paths, options, output.notice);
  const writer = predictionWriter(format, k, classes, rawNames ? 'raw' : 'guarded');
  output.write(writer.begin());
  try {
    for await (const image of images) {
      output.write(writer.image(image));
      const { image: name, reason } = image;
      if (reason === null || options.format === 'text') continue; // that says so itself
      output.notice(`skipped: ${name}: ${reason}`);
    }
  } finally {
    // Also after an error: what has been written until then stays a whole document.
    output.write(writer.end());
  }
}

/**
 * Opens a trained network and reads images as they are asked for. `images` is to be read to its end, or left with
 * `break`, which closes the network.
 *
 * @returns k, classes per image: `topk`, or all where there are fewer; the names of all classes
 */
export async function predictions(
  run: string,
  paths: readonly FilePath[],
  options: PredictOptions,
  notice: (line: string) => void,
): Promise<{
  k: number;
  classes: readonly string[];
  images: AsyncGenerator<ImagePredictions>;
}> {
  const { index, names, leftOut } = indexPaths(paths);
  const others = leftOutText(leftOut);
  if (others) notice(`left out: ${others}`);
  const checkpoint = checkpointOf(run, options, notice);
  const { precision } = options;
  const engine = await openEngine(options.engine, { precision, onNotice: notice });
  const model = openModel(checkpoint, engine, options);
  const { classes, config } = checkpoint.state;
  const policy = options.onError ?? config.data.onError.policy;
  const k = Math.min(options.topk, classes.length);
  async function* images(): AsyncGenerator<ImagePredictions> {
    let failed = 0;
    try {
      const request = {
        dataset: index,
        protocol: protocolOf(options, model.preprocessing),
        batchSize: model.batchSize,
        onError: { policy, limit: index.count },
      };
      for await (const { index: i, row, reason } of scoreImages(model.network, request)) {
        if (reason !== null) failed += 1;
        yield { image: names[i]!, best: row ? bestClasses(row, classes, k) : [], reason };
      }
    } finally {
      model.close();
    }
    if (failed === index.count) {
      throw new DataError(
        `none of ${failed} images could be decoded`,
        'the reasons are in the lines above',
      );
    }
  }
  return { k, classes, images: images() };
}
