/** A study as users run it: what is run, what is not run again, and what is refused. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { processors } from '../../src/processors.js';
import type { Session } from '../../src/run/session.js';
import { readSessions } from '../../src/run/sessions.js';
import type { StudyState } from '../../src/study/study-state.js';
import { start } from '../support/cli.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 300_000 }); // several trainings each, on a busy machine

const STUDY = `version: 1
name: two
base: c.yaml
set: {training: {steps: 3, batchSize: 8, microBatch: 4}}
axes:
  - name: method
    variants:
      - name: bp
        set: {losses.primary.range: null, losses: [{name: auxiliary, remove: true}]}
      - {name: relay, set: {losses.auxiliary.weight: 0.3}}
tune: {values: {optimizer.lr: [0.01, 1.0e+30]}, seeds: [9]}
seeds: [1]
table: {baseline: {method: bp}}
`;

let cwd: string;
beforeAll(async () => {
  const config = SMALL_CONFIG.replace('data/small', JSON.stringify(await colourImages()));
  cwd = folderWith({ 'c.yaml': config, 's.yaml': STUDY });
});

const study = (...args: string[]) =>
  start(['study', 's.yaml', '--engine', 'wasm', ...args], cwd, {
    RELAYBP_CACHE_DIR: join(cwd, 'cache'),
  });
const state = (): StudyState =>
  JSON.parse(readFileSync(join(cwd, 'studies/two/state.json'), 'utf8')) as StudyState;
const states = (): Record<string, string> =>
  Object.fromEntries(state().runs.map((run) => [run.id, run.state]));
const sessions = (): Record<string, number> =>
  Object.fromEntries(
    readdirSync(join(cwd, 'studies/two'))
      .map((id) => [id, join(cwd, 'studies/two', id, 'sessions.jsonl')] as const)
      .filter(([, file]) => existsSync(file))
      .map(([id, file]) => [id, readFileSync(file, 'utf8').trim().split('\n').length]),
  );

describe('relaybp study', () => {
  it('stopped by Ctrl-C saves what is under way, and goes on', async () => {
    const { child, outcome } = study();
    while (!existsSync(join(cwd, 'studies/two/bp_lr0.01_seed9/sessions.jsonl'))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill('SIGINT');
    const { code, stdout } = await outcome;
    expect(code).toBe(130);
    expect(stdout).toMatch(/^interrupted, \d runs left; go on with: .*study s\.yaml$/m);
    expect(Object.values(states())).not.toContain('failed');
  });

  it('runs trials and final runs; a rate at which training diverges is a result and stops nothing', async () => {
    const { code, stdout, stderr } = await study('--jobs', '2').outcome;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(states()).toEqual({
      'bp_lr0.01_seed9': 'finished',
      'bp_lr1e+30_seed9': 'diverged',
      'relay_lr0.01_seed9': 'finished',
      'relay_lr1e+30_seed9': 'diverged',
      'bp_lr0.01_seed1': 'finished',
      'relay_lr0.01_seed1': 'finished',
    });
    const [{ cores }] = readSessions(join(cwd, 'studies/two/relay_lr0.01_seed1')) as [Session];
    expect(cores, 'processors are divided').toBe(Math.max(1, Math.floor(processors() / 2)));
    expect(stdout).toMatch(/^bp_lr1e\+30_seed9: diverged.*: step \d: the loss "primary" is NaN/m);
    expect(state().combinations.map(({ chosen }) => chosen)).toEqual([
      { 'optimizer.lr': 0.01 },
      { 'optimizer.lr': 0.01 },
    ]);
    expect(
      state()
        .runs.filter(({ tested }) => tested)
        .map(({ id }) => id),
    ).toEqual([...['bp_lr0.01_seed1', 'relay_lr0.01_seed1']]);
  });

  it('keeps the weights of final runs alone; who asks for others is told why they are not there', async () => {
    const at = (id: string) => join('studies/two', id);
    expect(existsSync(join(cwd, at('bp_lr0.01_seed1'), 'last'))).toBe(true);
    for (const trial of ['bp_lr0.01_seed9', 'relay_lr1e+30_seed9']) {
      const files = readdirSync(join(cwd, at(trial)));
      expect(files).toEqual(expect.arrayContaining(['metrics.jsonl', 'weights-removed.txt']));
      expect(files.filter((name) => /^(checkpoints|last|best)$/.test(name))).toEqual([]);
    }
    const { code, stderr } = await start(['eval', at('bp_lr0.01_seed9')], cwd).outcome;
    expect(code).toBe(4);
    expect(stderr).toContain('the weights of this run were removed when it was done');
    expect(await start(['runs', 'studies/two'], cwd).outcome).toMatchObject({ code: 0 });
    const page = await start(['report', at('bp_lr0.01_seed9'), '--out', 'trial.html'], cwd).outcome;
    expect(page).toMatchObject({ code: 0 });
    expect(page.stderr + page.stdout).toContain('its weights were removed when it was done');
  });

  it('refuses to test what has no weights any more, or trains it anew', async () => {
    const before = sessions();
    writeFileSync(join(cwd, 's.yaml'), STUDY.replace('seeds: [1]', 'seeds: [1, 9]'));
    const { code, stderr } = await study().outcome;
    expect(code).toBe(2);
    expect(stderr).toContain('2 runs are to be tested, but their weights were removed');
    expect(stderr).toMatch(/^ {2}studies\/two\/bp_lr0\.01_seed9$/m);
    expect(sessions()).toEqual(before);
    expect(await study('--redo').outcome).toMatchObject({ code: 0 });
    const states = state().runs.filter(({ seed, tested }) => seed === 9 && tested);
    expect(states.map(({ id }) => id)).toEqual(['bp_lr0.01_seed9', 'relay_lr0.01_seed9']);
    writeFileSync(join(cwd, 's.yaml'), STUDY);
  });

  it('does nothing again', async () => {
    const before = sessions();
    expect(await study().outcome).toMatchObject({ code: 0 });
    expect(sessions()).toEqual(before);
  });

  it('runs only what is new, each part its share', async () => {
    const before = sessions();
    writeFileSync(join(cwd, 's.yaml'), STUDY.replace('seeds: [1]', 'seeds: [1, 2]'));
    const first = await study('--part', '1/2').outcome;
    expect(first.stdout).toMatch(/^1 run of the study is left$/m);
    const done = sessions();
    expect(Object.keys(done)).toHaveLength(Object.keys(before).length + 1);
    expect(await study('--part', '2/2').outcome).toMatchObject({ code: 0 });
    expect(sessions()).toEqual({ ...before, 'bp_lr0.01_seed2': 1, 'relay_lr0.01_seed2': 1 });
    expect(await study('--part', '3/2').outcome).toMatchObject({ code: 2 });
  });

  it('refuses results of another config, or runs them anew', async () => {
    const before = sessions();
    const other = STUDY.replace('seeds: [1]', 'seeds: [1, 2]').replace(
      'weight: 0.3',
      'weight: 0.5',
    );
    writeFileSync(join(cwd, 's.yaml'), other);
    const { code, stderr } = await study().outcome;
    expect(code).toBe(2);
    expect(stderr).toContain('4 runs have been trained with another config');
    expect(stderr).toContain(
      'studies/two/relay_lr0.01_seed1:\n    losses.auxiliary.weight: 0.3 -> 0.5',
    );
    expect(stderr).toContain('--redo');
    expect(sessions()).toEqual(before);
    expect(await study('--redo', '--jobs', '2').outcome).toMatchObject({ code: 0 });
    const config = readFileSync(join(cwd, 'studies/two/relay_lr0.01_seed2/config.yaml'), 'utf8');
    expect(config).toContain('weight: 0.5');
    expect(sessions()['bp_lr0.01_seed1']).toBe(before['bp_lr0.01_seed1']);
  });

  it('keeps a failure as a result until --retry', async () => {
    const file = join(cwd, 'studies/two/bp_lr0.01_seed2/outcome.json');
    const failed = {
      ...JSON.parse(readFileSync(file, 'utf8')),
      state: 'failed',
      message: 'the disk was full',
    };
    writeFileSync(file, JSON.stringify(failed));
    const { code, stdout } = await study().outcome;
    expect(code).toBe(1);
    expect(stdout).toMatch(/^1 run failed; once more: .*study s\.yaml --retry$/m);
    expect(await study('--retry').outcome).toMatchObject({ code: 0 });
    expect(states()['bp_lr0.01_seed2']).toBe('finished');
  });

  it('says before the first run that images are missing', async () => {
    writeFileSync(
      join(cwd, 's.yaml'),
      STUDY.replace('name: two', 'name: none').replace(
        'set: {training',
        'set: {data.root: nowhere, training',
      ),
    );
    expect(await study().outcome).toMatchObject({ code: 3 });
    expect(existsSync(join(cwd, 'studies/none'))).toBe(false);
  });
});
