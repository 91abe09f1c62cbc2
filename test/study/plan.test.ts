/** What a study asks for: combinations, configs, runs; and the mistakes in one. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import { loadStudy } from '../../src/study/load-study.js';
import { listRuns } from '../../src/study/study-run-list.js';
import { finalRunsOf, planStudy, type StudyPlan, trialsOf } from '../../src/study/study-runs.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';

const STUDY = `version: 1
name: methods
base: c.yaml
axes:
  - name: method
    variants:
      - name: bp
        set: {losses.primary.range: null, losses: [{name: auxiliary, remove: true}]}
      - {name: relay-1.0, label: relay of weight 1, set: {losses.auxiliary.weight: 1}}
      - {name: relay}
  - name: width
    variants:
      - {name: '4'}
      - {name: '8', extends: wide/wide.yaml, tune: {optimizer.lr: [0.1]}}
exclude: [{method: relay, width: '8'}]
tune: {values: {optimizer.lr: [0.01, 0.02]}, seeds: [9]}
seeds: [1, 2]
table: {columns: [width], baseline: {method: bp}}
`;

function studyFolder(study = STUDY): string {
  const folder = folderWith({ 'c.yaml': SMALL_CONFIG, 's.yaml': study });
  mkdirSync(join(folder, 'wide'));
  writeFileSync(
    join(folder, 'wide', 'wide.yaml'),
    'model: {segments: [{name: seg3, layers: [conv: {filters: 8, kernel: 1}]}]}\n',
  );
  return folder;
}

const planned = (study?: string): StudyPlan =>
  planStudy(loadStudy(join(studyFolder(study), 's.yaml')));

describe('a study', () => {
  it('combines the variants of its axes, but for what is left out', () => {
    const { combinations } = planned();
    expect(combinations.map(({ id }) => id)).toEqual([
      ...['bp_4', 'bp_8', 'relay-1.0_4', 'relay-1.0_8', 'relay_4'],
    ]);
    expect(combinations[2]).toMatchObject({
      label: 'relay of weight 1, 4',
      variants: { method: 'relay-1.0', width: '4' },
    });
  });

  it('lays configs and settings over the base: variants, tuned values, the seed', () => {
    const plan = planned();
    const [bp, , , wide] = plan.combinations;
    const [first, second] = plan.candidates.get(bp!.id)!;
    expect(first!.final.loaded.config.losses.map(({ name }) => name)).toEqual(['primary']);
    expect(first!.final.loaded.config.losses[0]!.range).toBeUndefined();
    expect(second!.final.loaded.config.optimizer.lr).toBe(0.02);
    const candidates = plan.candidates.get(wide!.id)!;
    expect(candidates.map(({ values }) => values)).toEqual([{ 'optimizer.lr': 0.1 }]);
    const { config } = candidates[0]!.final.loaded;
    expect(config.losses[1]!.weight).toBe(1);
    expect(config.model.segments[2]!.layers).toMatchObject([{ conv: { kernel: 1 } }]);
    const [, run] = finalRunsOf(plan, candidates[0]!);
    expect(run).toMatchObject({ id: 'relay-1.0_8_lr0.1_seed2', seed: 2 });
    expect(run!.plan.config.seed).toBe(2);
  });

  it('has a trial for each value and seed; one that is also a final run is the same run', () => {
    const plan = planned(STUDY.replace('seeds: [9]', 'seeds: [1, 9]'));
    const [bp] = plan.combinations;
    const trials = trialsOf(plan, bp!).map(({ id }) => id);
    expect(trials).toEqual([
      ...['bp_4_lr0.01_seed1', 'bp_4_lr0.02_seed1', 'bp_4_lr0.01_seed9', 'bp_4_lr0.02_seed9'],
    ]);
    expect(finalRunsOf(plan, plan.candidates.get(bp!.id)![0]!)[0]!.id).toBe(trials[0]);
  });

  it('keeps trials of other settings apart', () => {
    const short = STUDY.replace('seeds: [9]}', 'seeds: [1], set: {training.epochs: 1}}');
    const plan = planned(short);
    const [trial] = trialsOf(plan, plan.combinations[0]!);
    expect(trial!.id).toBe('trial_bp_4_lr0.01_seed1');
    expect(trial!.loaded.config.training.epochs).toBe(1);
    expect(trial!.candidate.final.loaded.config.training.epochs).toBe(2);
  });

  it('has settings for some combinations alone', () => {
    const some = STUDY.replace(
      'exclude:',
      'combinations: [{for: {method: [bp, relay], width: "4"}, set: {training.batchSize: 4}}]\nexclude:',
    );
    const { candidates } = planned(some);
    const sizes = [...candidates.values()].map(
      ([one]) => one!.final.loaded.config.training.batchSize,
    );
    expect(sizes).toEqual([4, 8, 8, 8, 4]);
  });

  it('lists its runs with what they take: by hand from the plan of the config', async () => {
    const plan = planned();
    const list = await listRuns(plan, async () => ({ training: 20 }));
    expect(list.filter(({ purpose }) => purpose === 'trial')).toHaveLength(8);
    expect(list.slice(8).map(({ id }) => id)).toEqual([
      ...['bp_4_lr?_seed1', 'bp_8_lr?_seed1', 'relay-1.0_4_lr?_seed1', 'relay-1.0_8_lr?_seed1'],
      ...['relay_4_lr?_seed1', 'bp_4_lr?_seed2', 'bp_8_lr?_seed2', 'relay-1.0_4_lr?_seed2'],
      ...['relay-1.0_8_lr?_seed2', 'relay_4_lr?_seed2'],
    ]);
    // Forward 16·16·9·3·4 + 8·8·9·4·6 + 4·4·9·6·8 + 8·3; backward twice that, without the input's gradient.
    const forward = 27_648 + 13_824 + 6_912 + 24;
    const step = 3 * forward - 27_648;
    expect(list[0]).toMatchObject({
      id: 'bp_4_lr0.01_seed9',
      stepMultiplyAdds: step,
      testMultiplyAdds: forward,
      steps: 6, // two epochs of three batches
      multiplyAdds: 6 * 8 * step,
      relativeToStandardBp: 1,
    });
  });
});

describe('mistakes', () => {
  const message = (study: string): string => {
    try {
      planned(study);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      return (error as Error).message.replace(/^.*s\.yaml/, 's.yaml');
    }
    return 'none';
  };

  it.each([
    [
      'seeds: [1, 2]',
      'seeds: [1, 1]',
      's.yaml:17:1: seeds: the seed 1 is there twice: it would be the same run',
    ],
    [
      'columns: [width]',
      'columns: [widht]',
      's.yaml:18:19: table.columns[0]: there is no axis "widht"; did you mean "width"?',
    ],
    [
      'baseline: {method: bp}',
      'baseline: {method: pb}',
      's.yaml:18:38: table.baseline.method: "pb": the axis method has no such variant; did you mean "bp"?',
    ],
    [
      'columns: [width]',
      'rows: [method]',
      's.yaml:18:1: table: the axis width is in neither rows nor columns: each axis has one place',
    ],
    ['base: c.yaml', 'bases: c.yaml', 's.yaml:3:1: bases: unknown key; did you mean "base"?'],
    [
      "name: '8',",
      'name: 8,',
      's.yaml:14:10: axes[1].variants[1].name: 8: a name: letters, digits, _ . + or -, the first one a letter or digit; in quotes: "8"',
    ],
    [
      'tune: {optimizer.lr: [0.1]}',
      'tune: {optimizer.rl: [0.1]}',
      's.yaml:14:53: axes[1].variants[1].tune.optimizer.rl: is none of the keys of tune.values (optimizer.lr)',
    ],
    [
      '- {name: relay}',
      '- {name: BP}',
      's.yaml:10:10: axes[0].variants[2].name: "BP" is there twice',
    ],
    [
      '[0.01, 0.02]',
      '[0.01, 0.01]',
      's.yaml:16:17: tune.values.optimizer.lr: a value is there twice: 0.01, 0.01',
    ],
    [
      '{method: relay, width:',
      '{method: [relay, bp, relay-1.0], width: ["4", "8"]}, {width:',
      's.yaml:15:1: exclude: all 6 combinations are left out',
    ],
    ['base: c.yaml\n', '', 's.yaml:2:1: name: the study gives bp_4 no config to begin with'],
  ])('%s → %s', (from, to, said) => {
    expect(STUDY).toContain(from);
    expect(message(STUDY.replace(from, to))).toBe(said);
  });

  it('in a setting are told with the place of the setting', () => {
    const said = message(STUDY.replace('losses.auxiliary.weight: 1', 'losses.auxiliary.wieght: 1'));
    expect(said).toBe(
      's.yaml:9:59: axes[0].variants[1].set.losses.auxiliary.wieght: losses[1].wieght: unknown key; did you mean "weight"?',
    );
    expect(message(STUDY.replace('losses.auxiliary.weight: 1', 'losses.aux.weight: 1'))).toContain(
      'axes[0].variants[1].set.losses.aux.weight: no item "aux" in this list; it has primary, auxiliary',
    );
  });

  it('two runs for one folder', () => {
    const same = STUDY.replace(', tune: {optimizer.lr: [0.1]}', '').replace(
      'optimizer.lr: [0.01, 0.02]',
      'data.val: [a/b, a-b]',
    );
    expect(message(same)).toContain(
      'two different runs would both be in the folder bp_4_vala-b_seed9',
    );
  });
});
