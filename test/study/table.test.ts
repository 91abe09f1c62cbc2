/** The table of a study, out of run folders that are made by hand: what is chosen, told, and left unsaid. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { agendaOf } from '../../src/study/agenda.js';
import { writeEvaluation } from '../../src/study/evaluation.js';
import { loadStudy } from '../../src/study/load-study.js';
import { type Outcome, writeOutcome } from '../../src/study/outcome.js';
import { parsePart, WHOLE } from '../../src/study/parts.js';
import { StudyFolder } from '../../src/study/run-status.js';
import {
  planStudy,
  possibleRuns,
  type StudyPlan,
  type StudyRun,
} from '../../src/study/study-runs.js';
import { type StudyTable, tableSchema } from '../../src/study/table-schema.js';
import { tableMarkdown, tableText } from '../../src/study/table-text.js';
import { writeTable } from '../../src/study/write-table.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';

const STUDY = `version: 1
name: made
base: c.yaml
axes:
  - name: depth
    variants:
      - {name: '10', label: 10 convolutions}
      - {name: '19', label: 19 convolutions}
  - name: method
    variants:
      - name: bp
        label: standard BP
        set: {losses.primary.range: null, losses: [{name: auxiliary, remove: true}]}
      - {name: relay, label: relay BP}
tune: {values: {optimizer.lr: [0.01, 0.02, 0.04]}, seeds: [9]}
seeds: [1, 2, 3]
table: {rows: [method], columns: [depth], baseline: {method: bp}}
`;

const IMAGES = 200;

/** What a trial and a final run come to, percent; a state instead for one that does not finish. */
type Result = number | Exclude<Outcome['state'], 'finished'> | null;

interface Made {
  plan: StudyPlan;
  folder: StudyFolder;
}

/** A study's folder with the results of its runs. */
function made(
  result: (run: StudyRun, place: { depth: string; method: string; lr: number }) => Result,
  study = STUDY,
): Made {
  const cwd = folderWith({ 'c.yaml': SMALL_CONFIG, 's.yaml': study });
  const plan = planStudy(loadStudy(join(cwd, 's.yaml')));
  const folder = new StudyFolder(join(cwd, 'studies'), plan);
  for (const run of possibleRuns(plan)) {
    const { combination, values } = run.candidate;
    const { depth, method } = combination.variants as { depth: string; method: string };
    const found = result(run, { depth, method, lr: Number(values['optimizer.lr']) });
    if (found !== null) makeRun(folder, run, found);
  }
  return { plan, folder };
}

function makeRun(folder: StudyFolder, run: StudyRun, result: NonNullable<Result>): void {
  const path = folder.at(run);
  mkdirSync(path, { recursive: true });
  const about = { seconds: 60 + run.seed, peakMemoryMiB: 400 + run.seed, jobs: 1 };
  if (typeof result === 'string') {
    writeOutcome(path, { state: result, step: null, message: 'step 3: …', ...about });
    return;
  }
  writeOutcome(path, { state: 'finished', step: 12, message: null, ...about });
  const row = { kind: 'val', step: 12, epoch: 1, top1: result, top5: 90, top1_err: 100 - result };
  writeFileSync(join(path, 'metrics.jsonl'), `${JSON.stringify(row)}\n`);
  const right = Math.round((IMAGES * result) / 100);
  const paths = Array.from({ length: IMAGES }, (_, i) => `a/${i}.jpg`);
  const protocol = { checkpoint: 'last' };
  writeEvaluation(path, {
    ...{ protocol, step: 12, skipped: 0, loss: 2 - result / 100, top1: (100 * right) / IMAGES },
    ...{ top5: 90, classes: ['a', 'b', 'c'], paths, labels: paths.map(() => 0) },
    ranks: paths.map((_, i) => (i < right ? 1 : 3)),
    notes: [],
  });
}

const table = ({ plan, folder }: Made): StudyTable =>
  writeTable(plan, folder, agendaOf(plan, folder, WHOLE).left);

/** Trials: standard BP does best at 0.02, relay at 0.04, the edge; at 0.04 standard BP diverges. */
const usual = made((run, { depth, method, lr }) => {
  const base = depth === '10' ? 50 : 40;
  if (method === 'bp') {
    if (lr === 0.04) return 'diverged';
    return base + (lr === 0.02 ? 2 : 0) + [0, 0, 1, 0.5][run.seed % 9]!;
  }
  return base + 100 * lr + (depth === '19' ? 16 : 0) + [0, 0, 1, 0.5][run.seed % 9]!;
});

describe('tuning', () => {
  const found = table(usual);

  it('takes the value with the best mean, with its neighbours; edges are warned of', () => {
    expect(found.combinations.map(({ id, chosen }) => [id, chosen])).toEqual([
      ['10_bp', { 'optimizer.lr': 0.02 }],
      ['10_relay', { 'optimizer.lr': 0.04 }],
      ['19_bp', { 'optimizer.lr': 0.02 }],
      ['19_relay', { 'optimizer.lr': 0.04 }],
    ]);
    expect(found.tuning[0]!.candidates).toMatchObject([
      { values: { 'optimizer.lr': 0.01 }, mean: 50, chosen: false, neighbour: true },
      { values: { 'optimizer.lr': 0.02 }, mean: 52, chosen: true, neighbour: false },
      {
        mean: null,
        chosen: false,
        neighbour: true,
        trials: [{ seed: 9, state: 'diverged', value: null }],
      },
    ]);
    expect(found.tuning[0]!.edges).toEqual([]);
    expect(found.tuning[1]!.edges).toEqual([{ key: 'optimizer.lr', value: 0.04, side: 'highest' }]);
    expect(found.notes).toContain(
      '10 convolutions, relay BP: the best lr, 0.04, is the highest of those tried: a better one may lie beyond, and the comparison is not fair until that is tried.',
    );
  });

  it('waits for all trials of a combination', () => {
    const some = made((run, { lr }) => (run.seed === 9 && lr < 0.04 ? 50 : null));
    const waiting = table(some);
    expect(waiting.combinations.map(({ chosen }) => chosen)).toEqual([null, null, null, null]);
    expect(waiting.tuning[0]!.over).toBe(false);
    expect(waiting.left).toBe(4 + 12);
    expect(tableText(waiting, 80).join('\n')).toContain('not over');
  });

  it('has nothing to take where no trial finished, and that stops nothing else', () => {
    const lost = made((run, { method }) => (method === 'bp' ? 'diverged' : 50 + run.seed));
    const { notes, combinations, comparisons, left } = table(lost);
    expect(notes).toContain('10 convolutions, standard BP: none of its 3 trials finished.');
    expect(combinations[1]!.results.top1!.n).toBe(3);
    expect(comparisons.map(({ verdict }) => verdict)).toEqual(['not known', 'not known']);
    expect(left).toBe(0);
  });

  it('tells whose scores say nothing, seeds together, and of intervals without width', () => {
    const dead = made(() => 50);
    const note =
      'all 200 images have the same scores: what the network says does not depend on them';
    for (const seed of [1, 3]) {
      const file = join(dead.folder.path, `10_bp_lr0.01_seed${seed}`, 'evaluation.json');
      const evaluation = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(file, JSON.stringify({ ...evaluation, notes: [note] }));
    }
    const { notes } = table(dead);
    expect(notes).toContain(`10 convolutions, standard BP, seeds 1, 3: ${note}.`);
    expect(notes.filter((line) => line.includes(note))).toHaveLength(1);
    expect(notes).toContain(
      '10 convolutions, standard BP: its seeds came to the very same figure, so that its interval has no width; others may differ all the same.',
    );
  });

  it('tells of equals, and of seeds that are trials too', () => {
    const shared = made(() => 50, STUDY.replace('seeds: [9]', 'seeds: [1]'));
    const { notes } = table(shared);
    expect(notes.join('\n')).toMatch(/lr 0\.02; lr 0\.04 are as good in the trials as lr 0\.01/);
    expect(notes.join('\n')).toContain('Seed 1 is of trials and of final runs');
  });
});

describe('results', () => {
  const found = table(usual);

  it("are means with Student's intervals: 52, 53 and 52.5 by hand", () => {
    // Their deviation is 0.5, t(2) 4.302653, so that the interval is 52.5 ± 4.302653 · 0.5/√3 = ± 1.242069.
    const { n, mean, deviation, interval } = found.combinations[0]!.results.top1!;
    expect([n, mean, deviation]).toEqual([3, 52.5, 0.5]);
    expect(interval![0]).toBeCloseTo(51.257931, 5);
    expect(interval![1]).toBeCloseTo(53.742069, 5);
  });

  it('are compared within a seed: 54, 55 and 54.5 are 2 more each', () => {
    const [shallow, deep] = found.comparisons;
    expect(shallow).toMatchObject({
      label: 'relay BP against standard BP, 10 convolutions',
      seeds: [1, 2, 3],
      difference: { n: 3, mean: 2, deviation: 0, interval: [2, 2] },
      images: { images: 200, onlyOf: 6, onlyTo: 0 },
    });
    expect(deep!.difference!.mean).toBe(18);
    expect([shallow!.verdict, deep!.verdict]).toEqual(['better', 'better']);
  });

  it('hold no winner where an interval holds zero', () => {
    const noise = made(
      (run, { method }) =>
        50 + (method === 'bp' ? run.seed : (run.seed * 2) % 5) - (run.seed === 9 ? 9 : 0),
    );
    const found = table(noise);
    expect(found.comparisons.map(({ verdict }) => verdict)).toEqual([
      ...['no difference shown', 'no difference shown'],
    ]);
    const differences = tableText(found, 80).filter((line) => /\d \(3\)/.test(line));
    expect(differences).toHaveLength(2);
    for (const line of differences) expect(line).toMatch(/no difference shown$/);
  });

  it('tell of seeds that diverged', () => {
    const some = made((run, { method }) =>
      method === 'relay' && run.seed === 2 ? 'diverged' : 50 + run.seed,
    );
    const { combinations, comparisons, notes } = table(some);
    expect(combinations[1]!.results.top1!.n).toBe(2);
    expect(comparisons[0]!.seeds).toEqual([1, 3]);
    expect(notes).toContain(
      '10 convolutions, relay BP: 1 of 3 seeds diverged; its figures are of the others.',
    );
  });

  it('say that tuning and table share their images, unless a test part is named', () => {
    expect(found.part).toBe('validation');
    expect(found.notes.join('\n')).toContain('Tuning and table share their images');
    const own = STUDY.replace('table:', 'evaluation: {test: some}\ntable:');
    const { part, notes, combinations } = table(made((run) => 50 + run.seed, own));
    expect(part).toBe('test');
    expect(notes.join('\n')).not.toContain('share their images');
    expect(combinations[0]!.results.top1, 'tests of another protocol do not count').toBeNull();
  });
});

describe('the files', () => {
  const found = table(usual);
  const file = (ending: string): string =>
    readFileSync(join(usual.folder.path, `table.${ending}`), 'utf8');

  it('table.json is read back', () => {
    expect(tableSchema.parse(JSON.parse(file('json')))).toEqual(found);
  });

  it('table.md has the same figures', () => {
    expect(file('md')).toBe(tableMarkdown(found));
    expect(file('md')).toContain('| standard BP | 52.50 ± 0.50 | 42.50 ± 0.50 |');
    expect(file('md')).toContain('| relay BP | 54.50 ± 0.50 | 60.50 ± 0.50 |');
  });

  it('table.csv has a line for each combination', () => {
    const rows: Record<string, string>[] = parse(file('csv'), { columns: true });
    expect(rows.map((row) => [row.depth, row.method, row['optimizer.lr'], row.top1_mean])).toEqual([
      ['10', 'bp', '0.02', '52.5'],
      ['10', 'relay', '0.04', '54.5'],
      ['19', 'bp', '0.02', '42.5'],
      ['19', 'relay', '0.04', '60.5'],
    ]);
    expect(rows[1]).toMatchObject({
      baseline: '10_bp',
      difference: '2',
      verdict: 'better',
      seeds: '3',
    });
    expect(rows[0]).toMatchObject({ baseline: '', seconds: '62', peak_memory_mib: '403' });
  });
});

describe('in a terminal', () => {
  it('80 columns are enough', () => {
    const lines = tableText(table(usual), 80);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(lines[0]).toBe(
      'made: top-1 accuracy, percent, 200 validation images, mean ± standard deviation',
    );
    const text = lines.join('\n');
    expect(text).toContain(
      '             10 convolutions  19 convolutions\nstandard BP     52.50 ± 0.50     42.50 ± 0.50',
    );
    expect(text).toMatch(
      /relay BP against standard BP, 10 convolutions\n {2,}\+2\.00 \(3\) +\+2\.00 to \+2\.00/,
    );
  });
});

describe('parts', () => {
  it('share the runs, and wait for trials of others', () => {
    const { plan, folder } = made(() => null);
    const parts = [0, 1, 2].map((index) => agendaOf(plan, folder, { index, count: 3 }));
    const ids = parts.flatMap(({ open }) => open.map(({ run }) => run.id));
    expect(ids).toHaveLength(12);
    expect(new Set(ids).size).toBe(12);
    expect(parts.map(({ unsettled }) => unsettled)).toEqual([4, 4, 4]);
    const after = made((run) => (run.seed === 9 ? 50 : null));
    const finals = [0, 1, 2].map((index) =>
      agendaOf(after.plan, after.folder, { index, count: 3 }),
    );
    expect(finals.map(({ open }) => open.length)).toEqual([4, 4, 4]);
  });

  it.each(['0/2', '3/2', '1', 'a/b', '1/0'])('%s is none', (text) => {
    expect(() => parsePart(text)).toThrow(
      `--part ${text}: which part of how many, for instance 2/4`,
    );
  });

  it('2/4 is the second of four', () => expect(parsePart('2/4')).toEqual({ index: 1, count: 4 }));
});
