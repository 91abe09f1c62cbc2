/** Which checkpoints a study removes once a run is over. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasRemovedWeights } from '../../src/run/removed-weights.js';
import { agendaOf } from '../../src/study/agenda.js';
import { writeEvaluation } from '../../src/study/evaluation.js';
import { removeUnkept, settleRemoved } from '../../src/study/kept-weights.js';
import { loadStudy } from '../../src/study/load-study.js';
import { writeOutcome } from '../../src/study/outcome.js';
import { WHOLE } from '../../src/study/parts.js';
import { StudyFolder } from '../../src/study/run-status.js';
import { planStudy } from '../../src/study/study-runs.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';

/** Trials of seed 9 and of seed 1, which is one of the final runs too. */
const STUDY = `version: 1
name: kept
base: c.yaml
axes: [{name: method, variants: [{name: relay}]}]
tune: {values: {optimizer.lr: [0.01, 0.02]}, seeds: [1, 9]}
seeds: [1, 2]
`;

/** A study whose runs are made by hand. */
class MadeStudy {
  readonly path = folderWith({ 'c.yaml': SMALL_CONFIG });
  readonly folder: StudyFolder;
  private readonly plan;

  constructor(more = '') {
    writeFileSync(join(this.path, 's.yaml'), STUDY + more);
    this.plan = planStudy(loadStudy(join(this.path, 's.yaml')));
    this.folder = new StudyFolder(join(this.path, 'kept'), this.plan);
  }

  /** A run with three checkpoints. @param top1 of its evaluation */
  run(id: string, top1: number, state: 'finished' | 'diverged' | 'failed' = 'finished'): void {
    const run = join(this.folder.path, id);
    for (const step of [1, 2, 3])
      mkdirSync(join(run, `checkpoints/step-${step}`), { recursive: true });
    writeFileSync(join(run, 'last'), 'checkpoints/step-3\n');
    writeFileSync(join(run, 'best'), 'checkpoints/step-1\n');
    writeFileSync(
      join(run, 'metrics.jsonl'),
      `${JSON.stringify({ kind: 'val', step: 3, epoch: 1, top1 })}\n`,
    );
    const unknown = { message: null, step: null, seconds: null, peakMemoryMiB: null };
    writeOutcome(run, { state, ...unknown, jobs: 1 });
  }

  test(id: string): void {
    const list = { classes: ['a'], paths: ['a/1.jpg'], labels: [0], ranks: [1], notes: [] };
    const figures = { step: 3, skipped: 0, loss: 1, top1: 100, top5: 100 };
    const { evaluation } = this.plan.loaded.study;
    writeEvaluation(join(this.folder.path, id), { protocol: evaluation, ...figures, ...list });
  }

  sweep(): void {
    removeUnkept(this.plan, this.folder, agendaOf(this.plan, this.folder, WHOLE).done);
  }

  settle(redo: boolean): void {
    settleRemoved(this.folder, agendaOf(this.plan, this.folder, WHOLE).open, redo);
  }

  checkpoints(id: string): string[] {
    const folder = join(this.folder.path, id, 'checkpoints');
    return existsSync(folder) ? readdirSync(folder).sort() : [];
  }
}

const ALL = ['step-1', 'step-2', 'step-3'];

describe('the weights that a study keeps', () => {
  it('are none of a trial, but for one that may still be a final run', () => {
    const study = new MadeStudy();
    study.run('relay_lr0.01_seed1', 50);
    study.run('relay_lr0.01_seed9', 50);
    study.run('relay_lr0.02_seed1', 40);
    study.sweep();
    expect(study.checkpoints('relay_lr0.01_seed1')).toEqual(ALL);
    expect(study.checkpoints('relay_lr0.01_seed9')).toEqual([]);
    expect(hasRemovedWeights(join(study.folder.path, 'relay_lr0.01_seed9'))).toBe(true);
    expect(study.checkpoints('relay_lr0.02_seed1')).toEqual(ALL);
    study.run('relay_lr0.02_seed9', 0, 'diverged'); // the last one: 0.01 is chosen
    study.sweep();
    expect(study.checkpoints('relay_lr0.02_seed1')).toEqual([]);
    expect(study.checkpoints('relay_lr0.02_seed9')).toEqual([]);
    expect(study.checkpoints('relay_lr0.01_seed1'), 'is to be tested').toEqual(ALL);
    study.test('relay_lr0.01_seed1');
    study.sweep();
    expect(study.checkpoints('relay_lr0.01_seed1'), 'best and last').toEqual(['step-1', 'step-3']);
    study.sweep();
    expect(study.checkpoints('relay_lr0.01_seed1')).toEqual(['step-1', 'step-3']);
  });

  it('are all of a run that failed: it may be gone on with', () => {
    const study = new MadeStudy();
    study.run('relay_lr0.01_seed9', 0, 'failed');
    study.sweep();
    expect(study.checkpoints('relay_lr0.01_seed9')).toEqual(ALL);
  });

  it('are what the study says', () => {
    const study = new MadeStudy('keep: {trials: all, finals: none}\n');
    for (const id of ['relay_lr0.01_seed1', 'relay_lr0.01_seed9']) study.run(id, 50);
    for (const id of ['relay_lr0.02_seed1', 'relay_lr0.02_seed9']) study.run(id, 40);
    study.test('relay_lr0.01_seed1');
    study.sweep();
    expect(study.checkpoints('relay_lr0.01_seed9')).toEqual(ALL);
    expect(study.checkpoints('relay_lr0.01_seed1')).toEqual([]);
  });

  it('are asked for before anything is run, where a run without them is to be tested', () => {
    const study = new MadeStudy();
    for (const id of ['relay_lr0.01_seed1', 'relay_lr0.01_seed9']) study.run(id, 50);
    for (const id of ['relay_lr0.02_seed1', 'relay_lr0.02_seed9']) study.run(id, 60);
    study.sweep();
    study.settle(false);
    // Another metric, and 0.01 is the best.
    const path = join(study.folder.path, 'relay_lr0.02_seed9');
    writeFileSync(
      join(path, 'metrics.jsonl'),
      '{"kind": "val", "step": 3, "epoch": 1, "top1": 10}\n',
    );
    study.folder.changed({ id: 'relay_lr0.02_seed9' });
    expect(() => study.settle(false)).toThrow(
      '1 run is to be tested, but its weights were removed when it was done',
    );
    study.settle(true);
    expect(existsSync(join(study.folder.path, 'relay_lr0.01_seed1'))).toBe(false);
    study.settle(false);
  });
});
