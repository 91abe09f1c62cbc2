import type { LoadedConfig } from '../config/load.js';
import { printConfig } from '../config/print.js';
import { inTurn, isAgreed } from '../distributed/agree.js';
import type { Communicator } from '../distributed/communicator.js';
import { openRanks } from '../distributed/open-ranks.js';
import { measureAhead } from '../probe/measure-ahead.js';
import type { BestEvaluation } from '../run/best-evaluation.js';
import { type MetricsRow, readMetrics } from '../run/rows.js';
import { type RunFolder, writeSummary } from '../run/run-folder.js';
import { together } from '../train/events.js';
import { TensorBoard } from '../train/tensorboard.js';
import { TrainLog } from '../train/train-log.js';
import { runTraining, type TrainResult } from '../train/trainer.js';
import { RANK_TIMEOUT } from './defaults.js';
import { listening } from './hooks.js';
import { openRun } from './open-run.js';
import { prepareTraining } from './prepare-training.js';
import { resumeRun } from './resume.js';
import { checkSame, resumeOnAll } from './same-on-all-ranks.js';
import {
  FAST,
  type TrainCommandOptions,
  type TrainCommandResult,
  type TrainHooks,
} from './train-options.js';

export type { TrainCommandOptions, TrainCommandResult, TrainHooks } from './train-options.js';

/**
 * `relaybp train`: trains the network of a config; with other ranks where a launcher of MPI has started several.
 *
 * @param file the path of a YAML file, or a config from `loadConfig` or `parseConfig`; with `resume` it may be left out
 *   for the one in the checkpoint
 * @throws the signal's reason if it is aborted before the start; RelaybpError for what a user can mend
 */
export async function trainCommand(
  file: string | LoadedConfig | undefined,
  options: TrainCommandOptions = {},
  hooks: TrainHooks = {},
): Promise<TrainCommandResult> {
  hooks.signal?.throwIfAborted();
  const ranks = await openRanks({ timeout: options.rankTimeout ?? RANK_TIMEOUT });
  try {
    const result = await trainAs(ranks, file, options, ranks.rank === 0 ? hooks : silent(hooks));
    await ranks.close();
    return result;
  } catch (error) {
    if (isAgreed(error)) await ranks.close(); // else the launcher ends the others when this process has ended
    throw error;
  }
}

/** Of ranks other than the first, which alone speaks. */
const silent = ({ signal }: TrainHooks): TrainHooks => (signal ? { signal } : {});

async function trainAs(
  ranks: Communicator,
  file: string | LoadedConfig | undefined,
  options: TrainCommandOptions,
  hooks: TrainHooks,
): Promise<TrainCommandResult> {
  const began = performance.now();
  const { signal } = listening(hooks);
  const log = new TrainLog();
  const user = together([{ notice: hooks.notice }, hooks.events ?? {}]);
  const told = together([user, log]);
  const { notice } = told;
  const resumed = await resumeOnAll(ranks, () => resumeRun(file, options, notice));
  let lock = resumed?.lock;
  try {
    const prepared = await inTurn(ranks, () =>
      prepareTraining({ file, options, hooks, notice, resumed, ranks: ranks.size }),
    );
    if ('nothing' in prepared) return prepared.nothing;
    const { plan, written, config, progress, lines, engine, before } = prepared;
    await checkSame(ranks, prepared);
    const open = (): RunFolder => {
      const { out, command = null } = options;
      const run = openRun({
        resumed,
        plan,
        written,
        progress,
        out,
        command,
        before,
        engine: engine.info,
        ranks: ranks.size,
        onLock: (made) => {
          lock = made;
        },
      });
      log.open(run.path, user.notice);
      for (const line of lines) notice(line);
      return run;
    };
    const watchers = [
      told,
      ...(config.logging.tensorboard && ranks.rank === 0
        ? [new TensorBoard(resumed?.from ? progress : null, printConfig(config, written))]
        : []),
    ];
    const result = await runTraining({
      ...prepared,
      open,
      ranks,
      evaluationLimit: options.fastDevRun ? FAST.images : null,
      events: together(watchers),
      signals: (moment, batches) => measureAhead(prepared, moment, batches),
      stop: () => signal?.aborted ?? false,
    });
    const seconds = (performance.now() - began) / 1000;
    const done = { metric: config.evaluation.metric, steps: result.step - progress.step, seconds };
    if (ranks.rank !== 0) return { ...result, best: null, ...done };
    const evaluations = readMetrics(result.run).filter((row) => row.kind === 'val');
    const best = result.best && withTop5(result.best, evaluations);
    writeSummary(result.run, {
      name: config.name,
      step: result.step,
      interrupted: result.interrupted,
      final: evaluations.at(-1) ?? null,
      best,
      peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    });
    log.ended(result.step, result.interrupted);
    return { ...result, best, ...done };
  } finally {
    lock?.release();
  }
}

/** Earlier versions kept no top-5 in checkpoints. */
function withTop5(
  { step, top1, top5 }: NonNullable<TrainResult['best']>,
  evaluations: readonly MetricsRow[],
): BestEvaluation {
  const known = top5 ?? evaluations.findLast((row) => row.step === step)?.top5;
  return { step, top1, top5: typeof known === 'number' ? known : null };
}
