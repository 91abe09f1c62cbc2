/** The page of `relaybp report`, in a real browser: that it renders, and that its numbers are the run's. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { ReportData } from '../../src/report/data.js';
import { type MetricsRow, readGradients, readMetrics } from '../../src/train/run-folder.js';
import { inBrowser } from '../support/chromium.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 300_000 }); // a browser on a busy machine

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
      ...args,
    );
  const standard = ['--set', 'losses.auxiliary.remove=true', '--set', 'losses.primary.range=null'];
  for (const outcome of [await train('relay'), await train('standard', ...standard)]) {
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
  }
  const { code, stdout } = await relaybp('report', 'standard', 'relay', '--out', 'page.html');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^page\.html: [\d.]+ MB, open it in a browser\n$/);
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
      const error = (value: number): number => 100 - value;
      const charts: [string, string, string | null, (value: number) => number][] = [
        ['Loss, primary', 'loss.primary', 'loss.primary', Number],
        ['Loss, auxiliary', 'loss.auxiliary', 'loss.auxiliary', Number],
        ['Top-1 error', 'top1', 'top1_err', error],
        ['Top-5 error', 'top5', 'top5_err', error],
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
          `${(row.top1_err as number).toFixed(2)} % / ${(row.top5_err as number).toFixed(2)} %`;
        const cell = (row: number): Promise<string | null> =>
          page.locator('.facts tbody tr').nth(row).locator('td').nth(i).textContent();
        expect(await cell(0)).toBe(`${text(best)} at step ${best.step}`);
        expect(await cell(1)).toBe(text(rows.at(-1)!));
      }
      expect(await page.locator('.card .chip').allTextContents()).toEqual([
        'standard BP',
        'relay BP',
      ]);
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
        `15 images, top-1 ${((100 * right) / 15).toFixed(2)} %`,
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
      const html = readFileSync(join(cwd, 'page.html'), 'utf8');
      const json = /<script[^>]*id="data"[^>]*>(.*?)<\/script>/s.exec(html)![1]!;
      const data = JSON.parse(json) as ReportData;
      const of = (label: number): [number, number][] => [
        [label, 7],
        [(label + 1) % n, 3],
      ];
      for (const run of data.runs) {
        const { validation } = run;
        const numbers = Array.from({ length: n }, (_, i) => i);
        validation!.classes = numbers.map((i) => `class ${i}`);
        validation!.perClass = numbers.map(() => ({
          ...{ images: 10, top1: 70, top5: 90 },
          interval: [40, 89] as [number, number],
        }));
        validation!.confusion = numbers.flatMap((label) =>
          of(label).map(([predicted, count]): [number, number, number] => [
            label,
            predicted,
            count,
          ]),
        );
      }
      writeFileSync(
        join(cwd, 'many.html'),
        html.replace(json, () => JSON.stringify(data)),
      );
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
