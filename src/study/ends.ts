/** How a run of a study ends: `diverged` is that a value stopped being finite, `failed` anything else. */
export const ENDS = ['finished', 'diverged', 'failed'] as const;
