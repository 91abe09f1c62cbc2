import { type TrainCommandResult, trainCommand } from '../commands/train.js';
import type { LoadedConfig } from '../config/load.js';
import type { EngineChoice } from '../engine/select.js';
import type { TrainEvents } from '../train/events.js';

export interface TrainOptions {
  /** Run folder; `runs/<name>-<date>` unless given. */
  out?: string;
  /** Go on with a run: `last`, `best`, or the path of a run or a checkpoint. */
  resume?: string;
  /** Overrides as of `--set`, for a config that is a file: `['training.batchSize=32']`. */
  set?: string[];
  /** `auto` (the default): native if installed, else wasm. */
  engine?: EngineChoice;
  /** Keys of the config that a resumed run may have other values for than its checkpoint was trained with. */
  change?: string[];
  /** The same of all keys. */
  changeAll?: boolean;
  /** Resume in another precision than the checkpoint's. */
  changePrecision?: boolean;
  /** Stop after this step. */
  maxSteps?: number;
  /** Three steps, a small evaluation, one checkpoint. */
  fastDevRun?: boolean;
  /** Make the index of the images anew, whatever is kept. */
  rebuildIndex?: boolean;
  /** When it is aborted, the step under way is finished and saved, and the result says `interrupted`. */
  signal?: AbortSignal;
  /** What to be told of while it trains. Nothing is printed. */
  events?: Partial<TrainEvents>;
}

/** How a training ended; `run` is its folder. */
export type TrainOutcome = TrainCommandResult;

/**
 * Trains the network of a config, like `relaybp train`.
 *
 * @param config the path of a YAML file, or a config from `loadConfig` or `parseConfig`; with `resume` it may be left
 *   out for the one in the checkpoint
 * @throws the signal's reason if it is aborted before the start; RelaybpError for what a user can mend
 */
export async function train(
  config: string | LoadedConfig | undefined,
  options: TrainOptions = {},
): Promise<TrainOutcome> {
  const {
    signal,
    engine = 'auto',
    fastDevRun = false,
    changePrecision = false,
    set = [],
    ...rest
  } = options;
  signal?.throwIfAborted();
  const quiet = { interactive: false, columns: 80, line: () => {}, status: () => {} };
  const stop = (): boolean => signal?.aborted ?? false;
  const fixed = { engine, fastDevRun, changePrecision, set, command: null };
  return trainCommand(config, { ...rest, ...fixed }, quiet, stop);
}
