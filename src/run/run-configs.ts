import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../files.js';
import { readRegular } from '../regular-file.js';
import { changing } from './changing.js';

/** Of the weights that `last` names; what was resumed from another lies beside it. */
export const CONFIG = 'config.yaml';

const EARLIER = /^config-until-step-(\d+)\.yaml$/;

/**
 * Keeps the config of a run that goes on: `config.yaml` is the one that its weights are trained with from now on, and
 * the one before, if it is another, becomes `config-until-step-N.yaml`.
 *
 * @param step it went on after this step: what is kept of later ones is of steps that are thrown away
 */
export function keepConfig(run: string, step: number, before: string, now: string): void {
  changing(`${join(run, CONFIG)}: cannot be written`, () => {
    if (before !== now) replaceFile(join(run, `config-until-step-${step}.yaml`), before);
    const first = before === now ? step : step + 1;
    for (const name of readdirSync(run)) {
      const [, until] = EARLIER.exec(name) ?? [];
      if (until !== undefined && Number(until) >= first) rmSync(join(run, name));
    }
    const path = join(run, CONFIG);
    const present = existsSync(path) ? readRegular(path) : null;
    if (present !== now) replaceFile(path, now);
  });
}
