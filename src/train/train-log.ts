import type { Logger } from 'pino';
import type { HeadResult } from '../eval/evaluate.js';
import { openLog } from '../run/run-log.js';
import type { LoggedRow, TrainEvents, TrainFacts } from './events.js';

/** What a training tells, as JSON lines in the run's log, from when the run folder is there. */
export class TrainLog implements Partial<TrainEvents> {
  #log: Logger | null = null;

  /** @param onNotice told where the log cannot be written */
  open(run: string, onNotice: (line: string) => void): void {
    this.#log = openLog(run, onNotice);
  }

  start(facts: TrainFacts): void {
    this.#log?.info(facts, 'training starts');
  }

  logged({ losses, weights, ...row }: LoggedRow): void {
    const own = weights.size > 0 ? { weights: Object.fromEntries(weights) } : {};
    this.#log?.info({ ...row, losses: Object.fromEntries(losses), ...own }, 'train');
  }

  evaluated(
    step: number,
    epoch: number,
    heads: Map<string, HeadResult>,
    seconds: number,
    best: boolean,
  ): void {
    const fields = { step, epoch, heads: Object.fromEntries(heads), seconds, best };
    this.#log?.info(fields, 'evaluation');
  }

  checkpoint(path: string): void {
    this.#log?.info({ path }, 'checkpoint');
  }

  notice(line: string): void {
    this.#log?.warn(line);
  }

  /** After everything is written. */
  ended(step: number, interrupted: boolean): void {
    this.#log?.info({ step, interrupted }, 'training ends');
  }
}
