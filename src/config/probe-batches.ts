/** Batches that a probe needs at least: its intervals leave one out, and of what is left there is a spread. */
export const FEWEST_PROBE_BATCHES = 3;
