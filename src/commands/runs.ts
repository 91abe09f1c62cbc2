import { type ListedRun, listRuns } from '../report/run-list.js';
import { RUNS } from '../train/run-folder.js';

/** `relaybp runs`: the runs in a folder, `runs` unless it is given. */
export const runsCommand = (folder: string = RUNS): ListedRun[] => listRuns(folder);
