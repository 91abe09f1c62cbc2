/** What of a validation the best checkpoint and `plateau` go by; all of the primary head. */
export const METRICS = ['top1', 'top5', 'loss'] as const;
export type Metric = (typeof METRICS)[number];

/** Whether a value is better than another; an equal one is not. */
export const isBetter = (metric: Metric, value: number, than: number): boolean =>
  metric === 'loss' ? value < than : value > than;
