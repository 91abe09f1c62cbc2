/** A real browser for tests of pages: Chromium, headless. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Where Chromium is: `CHROMIUM`, or where Debian's package puts it. */
const CHROMIUM = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  (path) => path !== undefined && existsSync(path),
);
const NO_CHROMIUM = 'there is no Chromium: apt-get install chromium, or name one in CHROMIUM';

/** WebGL and WebGPU without a graphics card. */
const SOFTWARE_GPU = [
  '--enable-unsafe-swiftshader',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
];

/**
 * Registers tests that need a browser. Without one they are declared skipped, or fail if RELAYBP_REQUIRE_BROWSER=1.
 */
export function inBrowser(register: (browser: () => Browser) => void): void {
  if (!CHROMIUM) {
    if (process.env.RELAYBP_REQUIRE_BROWSER === '1') {
      test('a browser is installed', () => expect.fail(NO_CHROMIUM));
    } else test.skip(`in a browser (skipped: ${NO_CHROMIUM})`, () => {});
    return;
  }
  const path = CHROMIUM;
  describe('in a browser', () => {
    let browser: Browser;
    beforeAll(async () => {
      const args = ['--no-sandbox', '--disable-dev-shm-usage', ...SOFTWARE_GPU];
      browser = await chromium.launch({ executablePath: path, args, timeout: 240_000 });
    });
    afterAll(() => browser?.close());
    register(() => browser);
  });
}
