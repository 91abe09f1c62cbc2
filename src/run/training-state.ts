/**
 * Of a run. `stopped`: by a signal or `--max-steps`, before the whole training was done. `broken off`: no training is at work in the folder, and the last one did not say that it ended: killed, or
 * an error.
 */
export type State = 'finished' | 'stopped' | 'in progress' | 'broken off';
