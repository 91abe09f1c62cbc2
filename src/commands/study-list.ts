import { openEngine } from '../engine/select.js';
import { indexCache } from '../experiment/data-cache.js';
import { loadStudy } from '../study/load-study.js';
import { measureSpeed } from '../study/speed.js';
import { StudyData } from '../study/study-data.js';
import { type ListedStudyRun, listRuns } from '../study/study-run-list.js';
import { planStudy } from '../study/study-runs.js';
import { DEFAULT_ENGINE } from './defaults.js';
import { type Hooks, indexingTo, listening } from './hooks.js';
import type { EngineOptions } from './options.js';

/** What `relaybp study --dry-run` says. */
export interface StudyList {
  readonly name: string;
  readonly runs: readonly ListedStudyRun[];
  /** Multiply-adds in a second of training, measured on a small network. */
  readonly speed: number;
  readonly engine: string;
}

export interface StudyListOptions extends EngineOptions {
  /** Training images, where the data are not here. */
  images?: number;
}

/** `relaybp study --dry-run`: the runs that a study asks for, and what they take. Nothing is trained or written. */
export async function studyListCommand(
  file: string,
  options: StudyListOptions = {},
  hooks: Hooks = {},
): Promise<StudyList> {
  const { notice, progress } = listening(hooks);
  const plan = planStudy(loadStudy(file));
  const data = new StudyData(
    indexCache({ onNotice: notice, onProgress: indexingTo(progress) }),
    notice,
  );
  const runs = await listRuns(plan, async ({ loaded }) => {
    const found = await data.find(loaded.config.data);
    return found ?? { training: options.images ?? null };
  });
  const engine = await openEngine(options.engine ?? DEFAULT_ENGINE, { onNotice: notice });
  const speed = await measureSpeed(engine);
  return { name: plan.loaded.study.name, runs, speed, engine: engine.info.name };
}
