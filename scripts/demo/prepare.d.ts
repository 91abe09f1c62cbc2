/** Types of prepare.js for the tests. */
export function prepareDemo(target: string): Promise<boolean>;
export function countImages(folder: string): Record<string, number>;
export function baselines(counts: Record<string, number>): {
  images: number;
  classes: number;
  largest: string;
  chance: { top1: number; top5: number };
  majority: { top1: number; top5: number };
};
