/** Exported networks on the backends of TensorFlow.js that need a browser; Chromium draws in software. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openEngine } from '../../src/engine/select.js';
import { DenseNetwork } from '../../src/eval/dense-network.js';
import { drawnPixels } from '../../src/export/example-images.js';
import type { Scores } from '../../src/export/runtimes.js';
import { networkScores, TOLERANCE } from '../../src/export/verify.js';
import { writeExport } from '../../src/export/write.js';
import { inBrowser } from '../support/chromium.js';
import { serveFolders } from '../support/static-server.js';
import { modelOf, NETWORKS } from './networks.js';

const NODE_MODULES = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const SCRIPTS = [
  'tfjs/dist/tf.min.js',
  'tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js',
] as const;

vi.setConfig({ testTimeout: 240_000, hookTimeout: 300_000 }); // a browser on a busy machine

inBrowser((browser) => {
  const folder = mkdtempSync(join(tmpdir(), 'relaybp-backends-'));
  let server: Awaited<ReturnType<typeof serveFolders>>;
  let page: Page;
  let expected: Scores;
  const plan = NETWORKS['every layer']!();
  const model = modelOf(plan, { meanImage: true });
  const side = model.preprocessing.crop;
  const batch = drawnPixels([side, side], 2);

  beforeAll(async () => {
    await writeExport(model, 'tfjs', join(folder, 'model'), async () => {});
    const engine = await openEngine('wasm');
    const { config, network, primary } = plan;
    const own = new DenseNetwork(engine, config, network, primary.name, model.weights);
    expected = networkScores(own, model.preprocessing, batch);
    own.dispose();
    server = await serveFolders({ '/': folder, '/node_modules/': NODE_MODULES });
    page = await browser().newPage();
    // Any page of this server: WebGPU wants a safe origin.
    await page.goto(`${server.url}node_modules/@tensorflow/tfjs/package.json`);
    for (const script of SCRIPTS) {
      await page.addScriptTag({ url: `${server.url}node_modules/@tensorflow/${script}` });
    }
  });
  afterAll(async () => {
    await page?.close();
    server?.close();
    rmSync(folder, { recursive: true });
  });

  it.each(['webgl', 'webgpu'])('on %s', async (backend) => {
    const found = await page.evaluate(
      async ({ url, backend, values, side }) => {
        type Tensor = { data(): Promise<Float32Array> };
        const tf = (globalThis as unknown as { tf: Record<string, CallableFunction> }).tf;
        const started = await tf.setBackend!(backend).catch(() => false);
        if (!started || tf.getBackend!() !== backend) return null;
        const network = await tf.loadGraphModel!(url);
        const input = tf.tensor4d!(values, [2, side, side, 3]);
        const outputs: Tensor[] = network.execute(input, ['logits', 'probabilities']);
        return Promise.all(outputs.map(async (output) => [...(await output.data())]));
      },
      { url: `${server.url}model/model.json`, backend, values: [...batch.values], side },
    );
    if (!found) return console.warn(`skipped: ${backend} cannot start here`);
    for (const [i, kind] of (['logits', 'probabilities'] as const).entries()) {
      const largest = Math.max(...expected[kind].map(Math.abs));
      expect(found[i]).toHaveLength(expected[kind].length);
      for (const [at, value] of found[i]!.entries()) {
        expect(Math.abs(value - expected[kind][at]!) / largest).toBeLessThan(TOLERANCE);
      }
    }
  });
});
