/** The page of a study, in a real browser: what it shows, and that its figures are the table's. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, expect, it, vi } from 'vitest';
import type { ReportData } from '../../src/report/page-data.js';
import type { StudyTable } from '../../src/study/table-schema.js';
import { inBrowser } from '../support/chromium.js';
import { type Outcome, run, start } from '../support/cli.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 300_000 }); // a browser on a busy machine

const STUDY = `version: 1
name: widths
base: c.yaml
set: {training: {steps: 4, batchSize: 8, microBatch: 4, logEvery: 1 steps}, evaluation.every: 2 steps}
axes:
  - name: method
    variants:
      - {name: bp, label: standard BP, set: {losses.primary.range: null, losses: [{name: auxiliary, remove: true}]}}
      - {name: relay, label: relay BP}
  - name: width
    variants:
      - {name: '3', set: {model.segments: [{name: seg1, layers: [conv: {filters: 3, kernel: 3}, maxpool: {size: 2}]}]}}
      - {name: '4'}
tune: {values: {optimizer.lr: [0.01, 1.0e+30]}, seeds: [9]}
seeds: [1, 2]
table: {columns: [width], baseline: {method: bp}}
`;

let cwd: string;
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });
const table = (): StudyTable =>
  JSON.parse(readFileSync(join(cwd, 'studies/widths/table.json'), 'utf8')) as StudyTable;

const standing = (): unknown =>
  JSON.parse(readFileSync(join(cwd, 'studies/widths/progress.json'), 'utf8'));

beforeAll(async () => {
  const config = SMALL_CONFIG.replace('data/small', JSON.stringify(await colourImages()));
  cwd = folderWith({ 'c.yaml': config, 's.yaml': STUDY });
  const study = await relaybp('study', 's.yaml', '--engine', 'wasm', '--jobs', '2');
  expect(study).toMatchObject({ code: 0 });
  expect(await relaybp('report', 'studies/widths', '--out', 'page.html')).toMatchObject({
    code: 0,
  });
});

it('has the final runs, by combination', () => {
  const html = readFileSync(join(cwd, 'page.html'), 'utf8');
  const [, json] = /<script[^>]*id="data"[^>]*>(.*?)<\/script>/s.exec(html)!;
  const data = JSON.parse(json!) as ReportData;
  expect(data.study).toEqual(table());
  expect(data.groups).toEqual([
    { label: 'standard BP, 3', runs: [0, 1] },
    { label: 'standard BP, 4', runs: [2, 3] },
    { label: 'relay BP, 3', runs: [4, 5] },
    { label: 'relay BP, 4', runs: [6, 7] },
  ]);
  expect(data.runs[0]!.label).toBe('bp_3_lr0.01_seed1');
});

it('a damaged table is told', async () => {
  const file = join(cwd, 'studies/widths/table.json');
  const whole = readFileSync(file, 'utf8');
  writeFileSync(file, whole.replace('"formatVersion": 1', '"formatVersion": 7'));
  const { code, stderr } = await relaybp('report', 'studies/widths', '--out', 'other.html');
  writeFileSync(file, whole);
  expect(code).toBe(4);
  expect(stderr).toContain('studies/widths/table.json: not what relaybp study writes');
});

inBrowser((browser) => {
  it.each([
    ['wide', { viewport: { width: 1280, height: 900 } }],
    ['phone', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
  ])('%s: tables, intervals and charts are drawn, the console is silent', async (_, options) => {
    const page = await browser().newPage(options);
    page.setDefaultTimeout(120_000);
    const said: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
    await page.goto(pathToFileURL(join(cwd, 'page.html')).href);
    await page.locator('#study canvas').first().waitFor();
    expect(await page.locator('h1').textContent()).toBe('widths');
    const section = page.locator('#study');
    expect(await section.locator('h3').allInnerTexts()).toEqual([
      'top-1 accuracy, percent',
      'results, with 95 % intervals of the mean',
      'differences in top-1 accuracy, percent, paired',
      'tuned by top-1 accuracy, percent, validation: the best, and its neighbours',
      'cost: multiply-adds of a step and a test for one image, time of a run, peak memory',
      'Differences in top-1 accuracy, percent, with 95 % intervals',
      'top-1 accuracy, percent by width',
      'Trials: top-1 accuracy, percent, validation, by optimizer.lr',
    ]);
    expect(await section.locator('svg .seeds-interval').count()).toBe(2);
    expect(await section.locator('svg .images-interval').count()).toBe(2);
    const cells = await section.locator('.study-table').first().locator('tbody tr').allInnerTexts();
    const mean = (id: string): string => {
      const { mean: value, deviation } = table().combinations.find((one) => one.id === id)!.results
        .top1!;
      return `${value.toFixed(2)} ± ${deviation!.toFixed(2)}`;
    };
    expect(cells.map((text) => text.split('\t'))).toEqual([
      ['standard BP', mean('bp_3'), mean('bp_4')],
      ['relay BP', mean('relay_3'), mean('relay_4')],
    ]);
    const relay = table().comparisons[0]!.difference!;
    const signed = (value: number): string => `${value > 0 ? '+' : ''}${value.toFixed(2)}`;
    const [low, high] = relay.interval!;
    const rows = await page.locator('.seed-differences tbody tr').allTextContents();
    expect(rows).toHaveLength(3);
    expect(rows[1], 'the last evaluation is the one of the table').toContain(
      `${signed(relay.mean)} (${signed(low)} to ${signed(high)}), 2 seeds`,
    );
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0);
    expect(said).toEqual([]);
    await page.close();
  });

  it('watched, it shows how far the whole study is, and follows it', async () => {
    const say = (done: number, working: boolean): void => {
      const runs = working ? [{ id: 'relay_4_lr0.01_seed2', step: 3, steps: 4 }] : [];
      const about = { done, total: 16, runs, secondsLeft: 90, working };
      const text = JSON.stringify({ formatVersion: 1, ...about });
      writeFileSync(join(cwd, 'studies/widths/progress.json'), text);
    };
    expect(standing(), 'a study that is done says so').toMatchObject({
      ...{ done: 16, total: 16, runs: [], working: false },
    });
    say(10, true);
    const { child, outcome, stdout } = start(['watch', 'studies/widths', '--port', '0'], cwd);
    const url = () => /http:\S+/.exec(stdout())?.[0];
    await expect.poll(url, { timeout: 30_000 }).toBeDefined();
    const page = await browser().newPage();
    await page.goto(url()!);
    const progress = page.locator('#study .study-progress');
    const shown = () => progress.textContent({ timeout: 60_000 });
    expect(await shown()).toContain('10 of 16 runs · 1 min 30 s left');
    expect(await shown()).toContain('relay_4_lr0.01_seed2');
    expect(await shown()).toContain('step 3 of 4');
    expect(await page.locator('#study .study-table').count()).toBe(5);
    expect(await page.locator('#summary').count()).toBe(1);
    say(11, false);
    const text = '11 of 16 runs · nobody is at work on it: the same command goes on';
    await expect.poll(shown, { timeout: 60_000 }).toContain(text);
    await page.close();
    child.kill('SIGINT');
    await outcome;
  });
});
