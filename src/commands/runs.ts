import { RUNS } from '../run/run-folder.js';
import { type ListedRun, listRuns } from '../run/run-list.js';

/** `relaybp runs`: the runs in a folder, `runs` unless it is given. */
export const runsCommand = (folder: string = RUNS): ListedRun[] => listRuns(folder);
