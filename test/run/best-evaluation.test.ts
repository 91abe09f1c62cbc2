import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bestEvaluation } from '../../src/run/best-evaluation.js';
import { pointTo } from '../../src/run/run-checkpoints.js';

const row = (step: number, top1: number) => ({ kind: 'val' as const, step, epoch: 1, top1 });
const ROWS = [
  { ...row(1, 99), kind: 'train' as const },
  row(2, 60),
  { ...row(4, 50), top5: 80 },
  row(6, 60),
];

it('is the one that `best` names, by whatever metric; without it the first with the highest top-1', () => {
  const run = mkdtempSync(join(tmpdir(), 'relaybp-best-'));
  expect(bestEvaluation(run, [])).toBeNull();
  expect(bestEvaluation(run, ROWS)).toEqual({ step: 2, top1: 60, top5: null });
  mkdirSync(join(run, 'checkpoints/step-4'), { recursive: true });
  pointTo(run, 'best', join(run, 'checkpoints/step-4'));
  expect(bestEvaluation(run, ROWS)).toEqual({ step: 4, top1: 50, top5: 80 });
  expect(bestEvaluation(run, ROWS.slice(0, 2))).toEqual({ step: 2, top1: 60, top5: null });
  writeFileSync(join(run, 'best'), 'elsewhere\n');
  expect(() => bestEvaluation(run, ROWS)).toThrow(/best: does not name a checkpoint/);
});
