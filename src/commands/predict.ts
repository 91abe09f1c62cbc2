import type { ErrorPolicy } from '../config/error-policy.js';
import type { FilePath } from '../data/index/file-names.js';
import { leftOutText } from '../data/index/left-out.js';
import { indexPaths } from '../data/index/path-index.js';
import { openEngine } from '../engine/select.js';
import { DataError } from '../errors.js';
import type { ImagePredictions } from '../eval/prediction-format.js';
import { bestClasses } from '../eval/results.js';
import { scoreImages } from '../eval/score.js';
import { SilentScores } from '../eval/silent-scores.js';
import { type ProtocolOptions, protocolOf } from '../eval/test-protocol.js';
import { PREDICT_DEFAULTS } from './defaults.js';
import { type Hooks, listening } from './hooks.js';
import { checkpointOf, type ModelOptions, openModel } from './model.js';
import { withDefaults } from './options.js';

export interface PredictOptions extends ModelOptions, ProtocolOptions {
  /** Classes per image; default 5, or all where there are fewer. */
  topk?: number;
  /** Default: the config's `data.onError.policy`. */
  onError?: ErrorPolicy;
}

/** What a network says of images. */
export interface Predictions {
  /** Classes per image. */
  k: number;
  /** The names of all classes. */
  classes: readonly string[];
  /** In the order of the images; to be read to its end, or left with `break`, which closes the network. */
  images: AsyncGenerator<ImagePredictions>;
}

/**
 * `relaybp predict`: the best classes of images without labels. Opens the trained network, and reads images as they are
 * asked for.
 *
 * @param paths files and folders, in the order of the output
 * @throws DataError, after the last image, if none could be decoded, or one could not and the policy is `fail`
 */
export async function predictCommand(
  run: string,
  paths: readonly FilePath[],
  options: PredictOptions = {},
  hooks: Hooks = {},
): Promise<Predictions> {
  const { notice } = listening(hooks);
  const { precision, engine: choice, topk } = withDefaults(options, PREDICT_DEFAULTS);
  const { index, names, leftOut } = indexPaths(paths);
  const others = leftOutText(leftOut);
  if (others) notice(`left out: ${others}`);
  const checkpoint = checkpointOf(run, options, notice);
  const engine = await openEngine(choice, { precision, onNotice: notice });
  const model = openModel(checkpoint, engine, options);
  const { classes, config } = checkpoint.state;
  const policy = options.onError ?? config.data.onError.policy;
  const k = Math.min(topk, classes.length);
  async function* images(): AsyncGenerator<ImagePredictions> {
    let failed = 0;
    const scores = new SilentScores();
    try {
      const request = {
        dataset: index,
        protocol: protocolOf(options, model.preprocessing),
        batchSize: model.batchSize,
        onError: { policy, limit: index.count },
      };
      for await (const { index: i, row, reason } of scoreImages(model.network, request)) {
        if (reason !== null) failed += 1;
        if (row) scores.add(row);
        yield { image: names[i]!, best: row ? bestClasses(row, classes, k) : [], reason };
      }
    } finally {
      model.close();
    }
    for (const line of scores.notices()) notice(line);
    if (failed === index.count) {
      throw new DataError(
        `none of ${failed} images could be decoded`,
        'the reasons are in the lines above',
      );
    }
  }
  return { k, classes, images: images() };
}

/**
 * The best classes of images without labels, one image after another.
 *
 * @param paths files and folders
 * @throws as `predictCommand`
 */
export async function* predict(
  run: string,
  paths: readonly string[],
  options: PredictOptions = {},
  hooks: Hooks = {},
): AsyncGenerator<ImagePredictions> {
  const { images } = await predictCommand(run, paths, options, hooks);
  yield* images;
}
