import type { OnError } from '../data/failure-policy.js';
import type { FilePath } from '../data/file-names.js';
import { indexPaths } from '../data/path-index.js';
import { openEngine } from '../engine/select.js';
import { DataError } from '../errors.js';
import { type PredictionFormat, predictionWriter } from '../eval/prediction-format.js';
import { type ProtocolOptions, protocolOf } from '../eval/protocol.js';
import { bestClasses } from '../eval/results.js';
import { scoreImages } from '../eval/score.js';
import { checkpointOf, type ModelOptions, openModel } from './model.js';

export interface PredictCommandOptions extends ModelOptions, ProtocolOptions {
  topk: number;
  format: PredictionFormat;
  /** Default: the config's `data.onError.policy`. */
  onError?: OnError['policy'];
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
  const { index, names } = indexPaths(paths);
  const checkpoint = checkpointOf(run, options, output.notice);
  const { precision } = options;
  const engine = await openEngine(options.engine, { precision, onNotice: output.notice });
  const model = openModel(checkpoint, engine, options);
  const { classes, config } = model.state;
  const policy = options.onError ?? config.data.onError.policy;
  const k = Math.min(options.topk, classes.length);
  const writer = predictionWriter(options.format, k);
  let failed = 0;
  let begun = false;
  try {
    const request = {
      dataset: index,
      protocol: protocolOf(options, model.preprocessing),
      batchSize: model.batchSize,
      onError: { policy, limit: index.count },
    };
    output.write(writer.begin());
    begun = true;
    for await (const { index: i, row, reason } of scoreImages(model.network, request)) {
      if (reason !== null) {
        failed += 1;
        output.notice(`skipped: ${names[i]}: ${reason}`);
      }
      const best = row ? bestClasses(row, classes, k) : [];
      output.write(writer.image({ image: names[i]!, best, reason }));
    }
  } finally {
    // Also after an error: what has been written until then stays a whole document.
    if (begun) output.write(writer.end());
    model.close();
  }
  if (failed === index.count) {
    throw new DataError(
      `none of ${failed} images could be decoded`,
      'the reasons are in the lines above',
    );
  }
}
