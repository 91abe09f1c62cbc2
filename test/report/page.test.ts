/** The page of `relaybp report`, in a real browser: that it renders, and that its numbers are the run's. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { ReportData } from '../../src/report/page-data.js';
import { type MetricsRow, readGradients, readMetrics, readSignals } from '../../src/run/rows.js';
import type { SignalRow } from '../../src/run/signal-row.js';
import { version } from '../../src/version.js';
import { inBrowser } from '../support/chromium.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 300_000 }); // a browser on a busy machine

/** The data of a page, as JSON. */
const EMBEDDED = /<script[^>]*id="data"[^>]*>(.*?)<\/script>/s;

let cwd: string;
let images: string;
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-page-'));
  images = await colourImages();
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', images));
  const train = (out: string, ...args: string[]): Promise<Outcome> =>
    relaybp(
      ...['train', 'c.yaml', '--engine', 'wasm', '--out', out],
      ...['--set', 'training.logEvery=1 step', '--set', 'diagnostics.gradients=every 2 steps'],
      ...['--set', 'diagnostics.signals={every: 3 steps, batches: 3}'],
      ...args,
    );
  const standard = ['--set', 'losses.auxiliary.remove=true', '--set', 'losses.primary.range=null'];
  for (const outcome of [
    await train('relay'),
    await train('standard', ...standard),
    await train('relay-again', '--set', 'seed=2'),
    await train(
      'relay-slow',
      '--set',
      'optimizer.lr=0.01',
      '--set',
      'schedule={type: poly, warmup: 2 steps}',
    ),
  ]) {
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
  }
  const { code, stdout } = await relaybp('report', 'standard', 'relay', '--out', 'page.html');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^page\.html: [\d.]+ MB, open it in a browser\n$/);
  const seeds = ['relay-slow', 'relay', 'standard', 'relay-again', '--out', 'seeds.html'];
  expect((await relaybp('report', ...seeds)).code).toBe(0);
});

inBrowser((browser) => {
  /** Opens the page. @returns it, and whatever the console said or the network was asked for */
  async function open(
    options: Parameters<ReturnType<typeof browser>['newPage']>[0] = {},
    file = 'page.html',
  ) {
    const page = await browser().newPage({ viewport: { width: 1280, height: 900 }, ...options });
    page.setDefaultTimeout(120_000);
    const said: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
    page.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) said.push(`asked for ${request.url()}`);
    });
    await page.goto(pathToFileURL(join(cwd, file)).href);
    await page.locator('#curves canvas').first().waitFor();
    return { page, said };
  }

  const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
  it.each([
    ['light', { colorScheme: 'light' as const }, 'rgb(246, 247, 249)'],
    ['dark', { colorScheme: 'dark' as const }, 'rgb(16, 19, 24)'],
    ['phone', phone, 'rgb(246, 247, 249)'],
  ])(
    '%s: everything is drawn, nothing is wider than the screen, the console is silent',
    async (_, options, background) => {
      const { page, said } = await open(options);
      for (const id of [
        'summary',
        'curves',
        'network',
        'gradients',
        'classes',
        'calibration',
        'confusion',
        'gallery',
      ]) {
        const section = page.locator(`#${id}`);
        await section.scrollIntoViewIfNeeded();
        expect(await section.locator('canvas, svg, table, img').count(), id).toBeGreaterThan(0);
      }
      const facts = await page.evaluate(`({
        wider: document.documentElement.scrollWidth - innerWidth,
        outOfCards: [...document.querySelectorAll('.card .figure')].filter((figure) =>
          figure.getBoundingClientRect().right > figure.closest('.card').getBoundingClientRect().right - 8
        ).length,
        background: getComputedStyle(document.body).backgroundColor,
        blank: [...document.querySelectorAll('canvas')].filter((canvas) => {
          const image = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return image.data.every((value) => value === 0);
        }).length,
      })`);
      expect(facts).toEqual({ wider: 0, outOfCards: 0, background, blank: 0 });
      expect(said).toEqual([]);
      await page.close();
    },
  );

  describe('numbers', () => {
    it('of every curve are those of metrics.jsonl', async () => {
      const { page } = await open();
      await page.getByRole('button', { name: 'steps' }).click();
      const charts: [string, string, string | null, (value: number) => number][] = [
        ['Loss, primary', 'loss.primary', 'loss.primary', Number],
        ['Loss, auxiliary', 'loss.auxiliary', 'loss.auxiliary', Number],
        ['Top-1 accuracy', 'top1', 'top1', Number],
        ['Top-5 accuracy', 'top5', 'top5', Number],
        ['Learning rate', 'lr', null, Number],
        ['Throughput', 'imagesPerSecond', null, Number],
        ['Waiting for images', 'dataWait', null, (value) => 100 * value],
      ];
      for (const [title, train, val, from] of charts) {
        const table = await numbersOf(page, '#curves', title);
        for (const name of ['standard', 'relay']) {
          const rows = readMetrics(join(cwd, name));
          const of = (kind: string, column: string, by: (value: number) => number) =>
            rows
              .filter((row) => row.kind === kind && column in row)
              .map((row) => [row.step, by(row[column] as number)]);
          const expected = of('train', train, from);
          expect(table.column(`${name}, training`), title).toEqual(expected);
          expect(expected.length > 0).toBe(name === 'relay' || !title.includes('auxiliary'));
          if (val)
            expect(table.column(`${name}, validation`), title).toEqual(of('val', val, Number));
        }
      }
      await page.close();
    });

    it('of the summary are those of the best and the last evaluation', async () => {
      const { page } = await open();
      for (const [i, name] of ['standard', 'relay'].entries()) {
        const rows = readMetrics(join(cwd, name)).filter(({ kind }) => kind === 'val');
        const best = rows.reduce((a, b) => ((b.top1 as number) > (a.top1 as number) ? b : a));
        const text = (row: MetricsRow): string =>
          `${(row.top1 as number).toFixed(2)} % / ${(row.top5 as number).toFixed(2)} %`;
        const cell = (row: number): Promise<string | null> =>
          page.locator('.facts tbody tr').nth(row).locator('td').nth(i).textContent();
        expect(await cell(0)).toBe(`${text(best)} at step ${best.step}`);
        const last = rows.at(-1)!;
        expect(await cell(1)).toBe(`${text(last)} at step ${last.step}`);
      }
      expect(await page.locator('.card .chip').allTextContents()).toEqual([
        'standard BP',
        'relay BP',
      ]);
      await page.close();
    });

    it('of signals are those of signals.jsonl', async () => {
      const { page } = await open();
      const rows = readSignals(join(cwd, 'relay'));
      expect(rows.map(({ step }) => step)).toEqual([0, 3, 6]);
      const known = (value: number | null): value is number => value !== null;
      const carried = async (row: SignalRow): Promise<void> => {
        const title = `How far each loss's signal carries, step ${row.step}`;
        const byLayer = await numbersOf(page, '#signals', title);
        for (const loss of ['primary', 'auxiliary']) {
          for (const inRange of [true, false]) {
            const name = inRange ? loss : `${loss}, beyond its range`;
            const met = row.layers.filter(({ byLoss }) => byLoss[loss]?.inRange === inRange);
            for (const [column, end] of [
              [name, 'value'],
              [`${name}, low`, 'low'],
              [`${name}, high`, 'high'],
            ] as const) {
              const expected = met.map((l) => [l.layer, l.byLoss[loss]!.signalToNoise[end]]);
              expect(byLayer.column(column), column).toEqual(expected);
            }
          }
        }
      };
      await carried(rows[2]!);
      await page.locator('#signals input[type=range]').fill('0');
      await carried(rows[0]!);
      const cosine = await numbersOf(
        page,
        '#signals',
        "Cosine between the losses' mean gradients, step 0",
      );
      const pairs = rows[0]!.layers.flatMap(({ layer, pairs: [pair] }) => {
        return pair && known(pair.cosine.value) ? [[layer, pair.cosine.value]] : [];
      });
      expect(cosine.column('primary and auxiliary')).toEqual(pairs);
      const over = await numbersOf(
        page,
        '#signals',
        'Signal to noise of primary over the training',
      );
      expect(over.column('conv3_1')).toEqual(
        rows.map(({ step, layers }) => [step, layers[2]!.byLoss.primary!.signalToNoise.value]),
      );
      expect(await page.locator('#signals').textContent()).toContain(
        "At step 0 a suggestion, by the paper's rules of thumb; no result:",
      );
      await page.close();
    });

    it('of gradients and cosines are those of gradients.jsonl', async () => {
      const { page } = await open();
      const rows = readGradients(join(cwd, 'relay'));
      expect(rows.map(({ step }) => step)).toEqual([1, 2, 4, 6]);
      const over = await numbersOf(page, '#gradients', 'Mean |gradient| at several steps');
      for (const { step, layers } of rows) {
        expect(over.column(`step ${step}`)).toEqual(layers.map((l) => [l.layer, l.gradient]));
      }
      const byLoss = await numbersOf(page, '#gradients', 'Mean |gradient| by loss, step 6');
      for (const loss of ['primary', 'auxiliary']) {
        const expected = rows.at(-1)!.layers.filter(({ byLoss: all }) => loss in all);
        expect(byLoss.column(loss)).toEqual(expected.map((l) => [l.layer, l.byLoss[loss]]));
      }
      const cosine = await numbersOf(
        page,
        '#gradients',
        'Cosine between the gradients of primary and auxiliary',
      );
      const shared = rows.map((row) => [
        row.step,
        row.layers.find(({ layer }) => layer === 'conv2_1')!.cosines![0]!.cosine,
      ]);
      expect(cosine.column('conv2_1')).toEqual(shared);
      await page.getByRole('button', { name: 'relative to mean |weight|' }).click();
      const ratio = await numbersOf(
        page,
        '#gradients',
        'Mean |gradient| over mean |weight| at several steps',
      );
      const last = rows.at(-1)!.layers.map((l) => [l.layer, l.gradient / l.weight]);
      expect(ratio.column('step 6')).toEqual(last);
      await page.close();
    });

    it('of classes and confusion are those of the results', async () => {
      const { page } = await open();
      const best = readFileSync(join(cwd, 'relay/best'), 'utf8').trim();
      const lines = readFileSync(join(cwd, 'relay', best, 'validation.csv'), 'utf8')
        .trim()
        .split('\n')
        .slice(1);
      const results = lines.map((line) => line.split(','));
      const right = results.filter(([, , rank]) => rank === '1').length;
      expect(results).toHaveLength(15);
      const note = page.locator('#classes .note').first();
      expect(await note.textContent()).toContain(
        `15 images, top-1 accuracy ${((100 * right) / 15).toFixed(2)} %`,
      );
      const val = readMetrics(join(cwd, 'relay')).find(
        (row) => row.kind === 'val' && best.endsWith(`step-${row.step}`),
      );
      expect((100 * right) / 15).toBeCloseTo(val!.top1 as number, 9);
      const pairs = new Map<string, number>();
      for (const [, label, , first] of results) {
        if (label !== first)
          pairs.set(`${label} → ${first}`, (pairs.get(`${label} → ${first}`) ?? 0) + 1);
      }
      const shown = await page
        .locator('.pairs button')
        .evaluateAll((buttons) =>
          buttons.map((button) => [
            button.children[0]!.textContent,
            Number.parseInt(button.children[1]!.textContent!, 10),
          ]),
        );
      expect(new Map(shown as [string, number][])).toEqual(pairs);
      await page.close();
    });
  });

  describe('seeds of one config', () => {
    const SEEDS = ['relay', 'relay-again'] as const;
    const meanOf = ([a, b]: number[]): number => (a! + b!) / 2;
    /** Of two values: |a − b| / √2. */
    const deviationOf = ([a, b]: number[]): number => Math.abs(a! - b!) / Math.SQRT2;
    const rowsOf = (name: string, kind: string): MetricsRow[] =>
      readMetrics(join(cwd, name)).filter((row) => row.kind === kind);

    it('are one group, beside runs that differ in more', () => {
      expect(dataOf('seeds.html').groups).toEqual([
        { label: 'relay-slow', runs: [0] },
        { label: 'relay', runs: [1, 3] },
        { label: 'standard', runs: [2] },
      ]);
    });

    it('are one curve: mean, standard deviation, and a band', async () => {
      const { page } = await open({}, 'seeds.html');
      await page.getByRole('button', { name: 'steps' }).click();
      for (const [title, kind, key, part] of [
        ['Loss, primary', 'train', 'loss.primary', 'training'],
        ['Top-1 accuracy', 'val', 'top1', 'validation'],
      ] as const) {
        const table = await numbersOf(page, '#curves', title);
        const [first, second] = SEEDS.map((name) => rowsOf(name, kind));
        const both = first!.map((row, i): [number, number[]] => {
          return [row.step, [row[key] as number, second![i]![key] as number]];
        });
        const near = (column: string, of: (values: number[]) => number) => {
          const shown = table.column(column);
          expect(shown.map(([step]) => step)).toEqual(both.map(([step]) => step));
          shown.forEach(([, value], i) => {
            expect(value).toBeCloseTo(of(both[i]![1]), 9);
          });
        };
        near(`mean of relay, ${part}`, meanOf);
        near(`mean of relay, ${part}, standard deviation`, deviationOf);
        expect(table.column(`standard, ${part}`).length).toBeGreaterThan(0);
        expect(table.column(`relay, ${part}`)).toEqual([]);
      }
      await page.getByRole('button', { name: 'each seed' }).click();
      const table = await numbersOf(page, '#curves', 'Top-1 accuracy');
      for (const name of SEEDS) {
        const expected = rowsOf(name, 'val').map(({ step, top1 }) => [step, top1]);
        expect(table.column(`${name}, validation`)).toEqual(expected);
      }
      await page.close();
    });

    it('are one card, one column of facts and one set of bars, and a row each', async () => {
      const { page } = await open({}, 'seeds.html');
      const best = SEEDS.map((name) =>
        rowsOf(name, 'val').reduce((a, b) => ((b.top1 as number) > (a.top1 as number) ? b : a)),
      );
      const values = (key: string): number[] => best.map((row) => row[key] as number);
      const text = (key: string): string =>
        `${meanOf(values(key)).toFixed(2)} ± ${deviationOf(values(key)).toFixed(2)} %`;
      const card = page.locator('.card').nth(1);
      expect(await card.locator('h3').textContent()).toBe('relay (2 seeds)');
      expect(await card.locator('.figure b').allTextContents()).toEqual([
        text('top1'),
        text('top5'),
      ]);
      expect(await page.locator('.facts thead th').allTextContents()).toEqual([
        'relay-slow',
        'relay (2 seeds)',
        'standard',
      ]);
      const cells = page.locator('.facts tbody tr').first().locator('td');
      expect(await cells.nth(1).textContent()).toBe(`${text('top1')} / ${text('top5')}`);
      const rows = await page.locator('.seeds tbody tr').allTextContents();
      const percents = (key: string): string[] => [
        ...values(key).map((value) => `${value.toFixed(2)} %`),
        `${meanOf(values(key)).toFixed(2)} %`,
        `${deviationOf(values(key)).toFixed(2)} %`,
      ];
      const names = ['seed 1 relay', 'seed 2 relay-again', 'relay: mean', 'standard deviation'];
      expect(rows).toHaveLength(5);
      rows.slice(0, 4).forEach((row, i) => {
        expect(row.startsWith(names[i]! + percents('top1')[i]! + percents('top5')[i]!), row).toBe(
          true,
        );
      });
      // Of two values t(1) = 12.7062, so that the interval is their mean ± 12.7062 · deviation/√2.
      const half = (12.706204736 * deviationOf(values('top1'))) / Math.SQRT2;
      expect(rows[4]).toContain(`95 % of the mean± ${half.toFixed(2)}`);

      const chooser = page.locator('#classes .chooser select');
      await chooser.selectOption({ label: 'relay (2 seeds)' });
      expect(await page.locator('#classes .note').first().textContent()).toBe(
        `best checkpoints of 2 seeds, single centre crop: 15 images, top-1 accuracy ${text('top1')}, top-5 accuracy ${text('top5')}`,
      );
      const { runs } = dataOf('seeds.html');
      const perClass = runs[1]!.validation!.perClass.map(({ top1 }, i) => {
        const both = [top1!, runs[3]!.validation!.perClass[i]!.top1!];
        return `${meanOf(both).toFixed(1)} ± ${deviationOf(both).toFixed(1)} %`;
      });
      const shown = await page.locator('#classes tbody tr td:nth-child(4)').allTextContents();
      expect(shown.sort()).toEqual(perClass.sort());
      await page.close();
    });
  });

  it('draws a network that runs share once, under all their names', async () => {
    const { page } = await open({}, 'seeds.html');
    expect(await page.locator('#network h3').allTextContents()).toEqual([
      'relay-slow, relay (2 seeds): relay BP',
      'standard: standard BP',
    ]);
    expect(await page.locator('#network svg').count()).toBe(2);
    await page.close();
  });

  it('writes the name of a loss on its arrow, or beside one that is too short', async () => {
    const config = readFileSync(join(cwd, 'c.yaml'), 'utf8').replace(
      'name: auxiliary\n    after: seg2',
      'name: auxiliary-classifier\n    after: seg1',
    );
    writeFileSync(join(cwd, 'named.yaml'), config);
    const args = ['--engine', 'wasm', '--out', 'named', '--max-steps', '1'];
    expect(await relaybp('train', 'named.yaml', ...args)).toMatchObject({ code: 0 });
    expect((await relaybp('report', 'named', 'relay', '--out', 'named.html')).code).toBe(0);
    for (const options of [{}, phone]) {
      const { page } = await open(options, 'named.html');
      const labels =
        await page.evaluate(`[...document.querySelectorAll('#network .flow')].map((flow) => {
        const text = flow.querySelector('text').getBoundingClientRect();
        const bar = flow.querySelector('.bar').getBoundingClientRect();
        const all = flow.closest('svg').getBoundingClientRect();
        return {
          label: flow.querySelector('text').textContent,
          readable: (text.left >= bar.left && text.right <= bar.right)
            || text.right <= bar.left || text.left >= bar.right,
          within: text.left >= all.left && text.right <= all.right,
        };
      })`);
      expect(labels).toEqual(
        ['primary', 'auxiliary-classifier × 0.3', 'primary', 'auxiliary × 0.3'].map((label) => ({
          label,
          readable: true,
          within: true,
        })),
      );
      await page.close();
    }
  });

  it('tells schedule, machine, versions, date and command', async () => {
    const { page } = await open({}, 'seeds.html');
    const fact = async (name: string): Promise<string[]> =>
      page
        .locator('.facts tbody tr')
        .filter({ has: page.getByRole('rowheader', { name, exact: true }) })
        .locator('td')
        .allTextContents();
    const poly = 'poly, to 0 with power 1, after a warm-up of 2 steps';
    expect(await fact('Schedule')).toEqual([poly, 'constant', 'constant']);
    expect((await fact('Host')).join()).toContain(hostname());
    expect((await fact('CPU')).join()).toContain(cpus()[0]!.model.trim());
    expect(await fact('Versions')).toEqual([`relaybp ${version}, Node ${process.versions.node}`]);
    expect((await fact('Engine')).join()).toContain('TensorFlow.js');
    const { started } = dataOf('seeds.html').runs[0]!.sessions[0]!;
    expect(Date.now() - Date.parse(started)).toBeLessThan(3_600_000);
    expect((await fact('Started')).join()).toContain(started.slice(0, 16).replace('T', ' '));
    await page.getByText('Commands (4)').click();
    const commands = await page.locator('.commands').textContent();
    expect(commands).toMatch(
      /^# relay-slow, .* UTC, .*\nnode \S+ train c\.yaml .*--out relay-slow .*optimizer\.lr=0\.01 /,
    );
    expect(commands).toContain("--set 'schedule={type: poly, warmup: 2 steps}'");
    await page.close();
  });

  it('has titles on all axes, and one name for what is right', async () => {
    const page = await browser().newPage({ viewport: { width: 1000, height: 900 } });
    await page.addInitScript(`
      window.drawn = new Set();
      const { fillText, fill } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
        drawn.add(text);
        return fillText.call(this, text, ...at);
      };
      CanvasRenderingContext2D.prototype.fill = function (...what) {
        drawn.add('fill ' + this.fillStyle);
        return fill.call(this, ...what);
      };
    `);
    await page.goto(pathToFileURL(join(cwd, 'seeds.html')).href);
    const drawn = (): Promise<string[]> => page.evaluate('[...drawn]');
    const titles = [
      ...['epoch', 'loss', 'top-1 accuracy', 'top-5 accuracy', 'learning rate'],
      ...['images per second', 'share of the time', 'layer', 'mean |gradient|'],
      ...['predicted →', 'label ↓'],
      'fill rgba(217, 97, 10, 0.19)', // the band of the second group
    ];
    await expect.poll(drawn, { timeout: 30_000 }).toEqual(expect.arrayContaining(titles));
    expect(await page.locator('main').textContent()).not.toMatch(/\berrors?\b/i);
    await page.close();
  });

  it.each([400, 1000, 1600])('at %d pixels nothing needs to be moved sideways', async (width) => {
    const { page } = await open({ viewport: { width, height: 900 } }, 'seeds.html');
    const hidden = (selector: string): Promise<unknown> =>
      page.evaluate(`(() => {
        const box = document.querySelector('.scroll:has(> ${selector})');
        return box.scrollWidth - box.clientWidth;
      })()`);
    for (const table of ['.facts', '.seeds', '.classes']) expect(await hidden(table)).toBe(0);
    const wider = 'document.documentElement.scrollWidth - innerWidth';
    expect(await page.evaluate(wider)).toBe(0);
    await page.close();
  });

  it.each([3, 30].flatMap((n) => [400, 1000, 1600].map((width) => [n, width])))(
    'the matrix of %d classes is as wide as a page of %d pixels',
    async (n, width) => {
      writeMany(n);
      const { page } = await open({ viewport: { width, height: 900 } }, 'many.html');
      const [unused, hidden] = (await page.evaluate(`(() => {
        const matrix = document.querySelector('.matrix');
        const section = document.querySelector('#confusion');
        const canvas = matrix.querySelector('canvas').getBoundingClientRect();
        return [section.clientWidth - canvas.width, matrix.scrollWidth - matrix.clientWidth];
      })()`)) as [number, number];
      expect(unused).toBeLessThan(20); // where there is a scroll bar
      expect(hidden).toBeLessThan(20);
      await page.close();
    },
  );

  it('works by keyboard', async () => {
    const { page } = await open();
    const chart = page.getByRole('group', { name: 'chart: Loss, primary' });
    await chart.focus();
    await page.keyboard.press('Home');
    const tip = chart.locator('.tip');
    expect(await tip.locator('strong').textContent()).toMatch(/^epoch 0\.333$/);
    await page.keyboard.press('ArrowRight');
    expect(await tip.locator('strong').textContent()).toMatch(/^epoch 0\.667$/);
    await page.keyboard.press('Escape');
    expect(await tip.isHidden()).toBe(true);

    const images = page.locator('#classes').getByRole('columnheader', { name: 'images' });
    await images.getByRole('button').focus();
    await page.keyboard.press('Enter');
    expect(await images.getAttribute('aria-sort')).toBe('descending');

    await page.getByRole('group', { name: /^confusion matrix/ }).focus();
    const read = (): Promise<string | null> => page.locator('.readout').textContent();
    const before = await read();
    expect(before).toMatch(/recognised: \d of 5 images/);
    await page.keyboard.press('ArrowRight');
    expect(await read()).toMatch(/ taken for .*: \d of 5 images/);

    const theme = page.getByRole('button', { name: 'colours: auto' });
    await theme.focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
    await page.close();
  });

  it('on a phone the link of the section in view is in view too', async () => {
    const { page } = await open(phone);
    for (const id of ['gallery', 'network', 'summary']) {
      const link = page.locator('.top a.here');
      const here = async (): Promise<string | null> => {
        await page.evaluate(
          `document.getElementById('${id}').scrollIntoView({ behavior: 'instant' })`,
        );
        return link.getAttribute('href');
      };
      await expect.poll(here, { timeout: 30_000 }).toBe(`#${id}`);
      const outside = (): Promise<unknown> =>
        page.evaluate(`(() => {
          const [row, link] = ['nav', 'a.here'].map((what) =>
            document.querySelector('.top ' + what).getBoundingClientRect());
          return Math.max(0, row.left - link.left, link.right - row.right);
        })()`);
      await expect.poll(outside, { message: id }).toBeLessThan(1);
    }
    await page.close();
  });

  it('says which marks are of which run', async () => {
    const { page } = await open();
    const key = page.locator('#classes .note .key');
    expect(await key.allTextContents()).toEqual(['standard']);
    const color = (selector: string): Promise<unknown> =>
      page.evaluate(`getComputedStyle(document.querySelector('${selector}')).backgroundColor`);
    expect(await color('#classes .key i')).toBe(await color('#classes .mark'));
    await page.close();
  });

  it.each([
    [401, 'light' as const, 900],
    [1000, 'light' as const, 700],
    [1000, 'dark' as const, 900],
  ])(
    '%d classes, %s: the matrix and the line that reads it fit the window',
    async (n, colorScheme, height) => {
      writeMany(n);
      const viewport = { width: 1200, height };
      const { page, said } = await open({ viewport, colorScheme }, 'many.html');
      const [matrix, readout] = [page.locator('.matrix'), page.locator('.readout')];
      await matrix.focus();
      expect(await readout.textContent()).toMatch(
        /^class \d+ recognised: 7 of 10 images \(70.0 %\)$/,
      );
      await page.keyboard.press('ArrowRight');
      expect(await readout.textContent()).toMatch(
        /^class \d+ taken for class \d+: [03] of 10 images/,
      );
      // Asked for again until the page above has its final height.
      const top = async (): Promise<number> => {
        await page.evaluate(
          `document.querySelector('.confusion .controls').scrollIntoView({ behavior: 'instant' })`,
        );
        const [a, b] = [(await readout.boundingBox())!, (await matrix.boundingBox())!];
        return Math.min(a.y, height - b.y - b.height, b.y - a.y - a.height + 1);
      };
      await expect.poll(top).toBeGreaterThanOrEqual(0);
      // However often it was enlarged in vain, it gets smaller at once.
      for (let i = 0; i < 20; i++) await page.keyboard.press('+');
      const size = (): Promise<number> =>
        matrix.evaluate((element) => (element as unknown as { scrollWidth: number }).scrollWidth);
      const largest = await size();
      await page.keyboard.press('-');
      expect(await size()).toBeLessThan(largest);
      expect(said).toEqual([]);
      await page.close();
    },
  );

  it('keeps a probability on one line beside a class name that is longer than its card', async () => {
    const { page } = await open();
    const row = page.locator('.gallery figure').first().locator('li').first();
    await row.scrollIntoViewIfNeeded();
    const before = await row.boundingBox();
    await row.locator('.value').evaluate((value) => {
      (value as unknown as { textContent: string }).textContent = '99.1 %';
    });
    await row.locator('.label').evaluate((label) => {
      (label as unknown as { textContent: string }).textContent = 'a long name '.repeat(9);
    });
    expect((await row.boundingBox())!.height).toBe(before!.height);
    await page.close();
  });

  it('shows images with their label and best classes, and the network with its overlap', async () => {
    const { page } = await open();
    const cards = page.locator('.gallery figure');
    const first = cards.first();
    await first.scrollIntoViewIfNeeded();
    const picture = first.locator('img');
    await expect
      .poll(() =>
        picture.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
      )
      .toBe(208);
    expect(await first.locator('li').count()).toBe(3);
    expect(await page.locator('#network svg').count()).toBe(2);
    expect(await page.locator('#network .overlap').count()).toBe(1);
    const label = await page.locator('#network svg').last().getAttribute('aria-label');
    expect(label).toBe(
      'relay BP: loss primary, weight 1: conv3_1 down to conv2_1; loss auxiliary, weight 0.3: pool2_1 down to conv1_1',
    );
    await page.locator('#gallery .chooser select').selectOption('standard');
    expect(await page.locator('#gallery .note').first().textContent()).toMatch(
      /^best checkpoint, step \d/,
    );
    await page.close();
  });
});

describe('older runs', () => {
  it('that did not write down their sessions are shown without', async () => {
    cpSync(join(cwd, 'standard'), join(cwd, 'older'), { recursive: true });
    rmSync(join(cwd, 'older/sessions.jsonl'));
    expect((await relaybp('report', 'older', '--out', 'older.html')).code).toBe(0);
    expect(dataOf('older.html').runs[0]!.sessions).toEqual([]);
  });
});

describe('what is missing', () => {
  it('is said, with what to do, and the rest is shown', async () => {
    const best = readFileSync(join(cwd, 'standard/best'), 'utf8').trim();
    const file = join(cwd, 'standard', best, 'validation.csv');
    const results = readFileSync(file);
    rmSync(file);
    const { code, stdout } = await relaybp('report', 'standard', '--out', 'other.html');
    expect(code).toBe(0);
    const make = `relaybp eval standard --results standard/${best}/validation.csv`;
    expect(stdout).toContain(
      `standard: without galleries, classes and confusion: there is no ${best}/validation.csv. Make it with: ${make}`,
    );
    writeFileSync(file, results);
    const [, , ...flags] = make.split(' ');
    const evaluated = await relaybp('eval', ...flags, '--engine', 'wasm');
    expect(evaluated.code).toBe(0);
    // The training's own file is what `eval` writes.
    expect(readFileSync(file, 'utf8')).toBe(results.toString());
  });

  it.each([
    [['nothing'], 4, 'nothing: no such folder'],
    [
      ['relay', '--out', 'no/such/folder.html'],
      2,
      '--out no/such/folder.html: its folder cannot be written to',
    ],
    [['relay', 'standard', '--results', 'r.csv'], 2, '--results: 1 file for 2 runs'],
    [['relay', '--results', 'r.csv'], 4, 'r.csv: no such file'],
    [
      ['relay', '--results', 'relay/metrics.csv'],
      4,
      'relay/metrics.csv: not a results file of these classes: it begins with kind,step',
    ],
    [['relay', '--images', 'some'], 2, 'a whole number'],
    [[], 2, "missing required argument 'run'"],
  ])('report %j', async (args, code, message) => {
    const outcome = await relaybp('report', ...args);
    expect(outcome.stderr).toContain(message);
    expect(outcome.code).toBe(code);
  });
});

/** What a report embeds. */
function dataOf(file: string): ReportData {
  const html = readFileSync(join(cwd, file), 'utf8');
  return JSON.parse(EMBEDDED.exec(html)![1]!) as ReportData;
}

/** `many.html`: the page with so many classes. */
function writeMany(n: number): void {
  const html = readFileSync(join(cwd, 'page.html'), 'utf8');
  const data = dataOf('page.html');
  const of = (label: number): [number, number][] => [
    [label, 7],
    [(label + 1) % n, 3],
  ];
  for (const run of data.runs) {
    const { validation } = run;
    const numbers = Array.from({ length: n }, (_, i) => i);
    validation!.classes = numbers.map((i) => `class ${i}`);
    validation!.perClass = numbers.map(() => ({
      ...{ images: 10, top1: 70, top5: 90, precision: 70, recall: 70, f1: 70 },
      interval: [40, 89] as [number, number],
    }));
    validation!.confusion = numbers.flatMap((label) =>
      of(label).map(([predicted, count]): [number, number, number] => [label, predicted, count]),
    );
  }
  writeFileSync(
    join(cwd, 'many.html'),
    html.replace(EMBEDDED, (all, json) => all.replace(json, () => JSON.stringify(data))),
  );
}

/** Opens the table of numbers of a chart and reads it. */
async function numbersOf(page: Page, section: string, title: string) {
  const chart = page.locator(`${section} figure.chart`).filter({
    has: page.getByRole('heading', { name: title, exact: true }),
  });
  if (!(await chart.locator('details[open]').count())) await chart.locator('summary').click();
  const table = chart.locator('table');
  await table.waitFor();
  const [head, ...rows] = await table.evaluate((element) =>
    [...element.querySelectorAll('tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent ?? ''),
    ),
  );
  return {
    /** `[x, value]` of every row that has a value. */
    column(name: string): [string | number, number][] {
      const at = head!.indexOf(name);
      if (at < 0) return [];
      const x = (text: string): string | number => (/^[\d.]+$/.test(text) ? Number(text) : text);
      return rows.flatMap((row): [string | number, number][] =>
        row[at] === '' ? [] : [[x(row[0]!), Number(row[at])]],
      );
    },
  };
}
