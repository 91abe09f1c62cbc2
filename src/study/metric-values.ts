import type { RunEvaluation } from './evaluation.js';
import type { Metric } from './study-schema.js';

/** @returns percent, or the loss */
export function metricOf({ top1, top5, loss }: RunEvaluation, metric: Metric): number {
  switch (metric) {
    case 'top1':
      return top1;
    case 'top5':
      return top5;
    case 'top1_err':
      return 100 - top1;
    case 'top5_err':
      return 100 - top5;
    case 'loss':
      return loss;
  }
}
