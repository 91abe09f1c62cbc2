/** The exported network and the example page in a real browser: headless Chromium. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openEngine } from '../../src/engine/select.js';
import { DenseNetwork } from '../../src/eval/dense-network.js';
import { drawnPixels } from '../../src/export/example-images.js';
import type { Scores } from '../../src/export/runtimes.js';
import { networkScores } from '../../src/export/verify.js';
import { writeExport } from '../../src/export/write.js';
import { inBrowser } from '../support/chromium.js';
import { serveFolders } from '../support/static-server.js';
import { modelOf, NETWORKS } from './networks.js';

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const SIDE = 41;

vi.setConfig({ testTimeout: 240_000, hookTimeout: 300_000 }); // a browser on a busy machine

inBrowser((browser) => {
  const folder = mkdtempSync(join(tmpdir(), 'relaybp-browser-'));
  const problems: string[] = [];
  let server: Awaited<ReturnType<typeof serveFolders>>;
  let page: Page;
  let expected: Scores;
  const batch = drawnPixels([SIDE, SIDE], 2);
  const model = modelOf(NETWORKS['every layer']!(), { meanImage: true });
  // Shown without being resized: only then are the browser's pixels exactly the file's.
  const exported = { ...model, preprocessing: { ...model.preprocessing, resize: SIDE } };

  beforeAll(async () => {
    await writeExport(exported, 'tfjs', join(folder, 'model'), async () => {});
    const engine = await openEngine('wasm');
    const plan = NETWORKS['every layer']!();
    const { config, network, primary } = plan;
    const own = new DenseNetwork(engine, config, network, primary.name, model.weights);
    expected = networkScores(own, model.preprocessing, batch);
    own.dispose();
    for (const n of [0, 1]) {
      const values = batch.values.subarray(n * SIDE * SIDE * 3, (n + 1) * SIDE * SIDE * 3);
      const raw = { width: SIDE, height: SIDE, channels: 3 } as const;
      await sharp(Uint8Array.from(values), { raw })
        .png()
        .toFile(join(folder, `${n}.png`));
    }
    server = await serveFolders({
      '/': path('examples/browser/'),
      '/node_modules/': path('node_modules/'),
      '/model/': join(folder, 'model/'),
    });
    page = await browser().newPage();
    page.setDefaultTimeout(120_000);
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('request', (request) => {
      if (!/^(http:\/\/127\.0\.0\.1|data:|blob:)/.test(request.url())) problems.push(request.url());
    });
    await page.goto(server.url);
    await page.waitForSelector('#file:not([disabled])');
  });
  afterAll(async () => {
    await page?.close();
    server?.close();
    rmSync(folder, { recursive: true });
  });

  it('TensorFlow.js computes in the page what relaybp computes', async () => {
    const found = await page.evaluate(
      async ({ values, count, side }) => {
        type Tensor = { data(): Promise<Float32Array> };
        const tf = (globalThis as unknown as { tf: Record<string, CallableFunction> }).tf;
        const network = await tf.loadGraphModel!('model/model.json');
        const input = tf.tensor4d!(values, [count, side, side, 3]);
        const outputs: Tensor[] = network.execute(input, ['logits', 'probabilities']);
        return Promise.all(outputs.map(async (output) => [...(await output.data())]));
      },
      { values: [...batch.values], count: 2, side: SIDE },
    );
    for (const [i, name] of (['logits', 'probabilities'] as const).entries()) {
      const largest = Math.max(...expected[name].map(Math.abs));
      for (const [at, value] of found[i]!.entries()) {
        expect(Math.abs(value - expected[name][at]!) / largest).toBeLessThan(1e-5);
      }
    }
  });

  it('an image that is chosen is classified', async () => {
    await page.setInputFiles('input#file', join(folder, '0.png'));
    await checkShown('0.png', 0);
  });

  it('an image that is dropped is classified', async () => {
    const bytes = readFileSync(join(folder, '1.png')).toString('base64');
    // As text: this project's own types know no browser.
    await page.evaluate(`(async () => {
      const blob = await (await fetch('data:image/png;base64,${bytes}')).blob();
      const transfer = new DataTransfer();
      transfer.items.add(new File([blob], '1.png', { type: 'image/png' }));
      const event = new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true });
      document.getElementById('drop').dispatchEvent(event);
    })()`);
    await checkShown('1.png', 1);
  });

  it('what is no image is said to be none, and nothing was loaded from elsewhere', async () => {
    await page.setInputFiles('input#file', join(folder, 'model/model.json'));
    await page.waitForFunction(`document.getElementById('error').textContent !== ''`);
    expect(await page.$eval('#error', (element) => element.textContent)).toContain('is no image');
    expect(problems).toEqual([]);
  });

  async function checkShown(file: string, n: number): Promise<void> {
    await page.waitForFunction(
      `document.getElementById('summary').textContent.startsWith('${file}')`,
    );
    const rows = await page.$$eval('#classes tr', (elements) =>
      elements.map((row) => [
        row.querySelector('th')!.textContent!,
        row.querySelector('span')!.textContent!,
      ]),
    );
    const scores = expected.probabilities.slice(5 * n, 5 * n + 5);
    const best = [...scores.entries()].sort(([, a], [, b]) => b - a);
    expect(rows.map(([name]) => name)).toEqual(best.map(([c]) => model.classes[c]));
    for (const [i, [, text]] of rows.entries()) {
      expect(Number.parseFloat(text!)).toBeCloseTo(100 * best[i]![1], 0);
    }
  }
});
