/** A real browser for tests of pages: Chromium, headless. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/**
 * Registers tests that need a browser: RELAYBP_CHROMIUM, or the system's. Without one they are declared skipped, or
 * fail if RELAYBP_REQUIRE_CHROMIUM=1.
 */
export function inBrowser(register: (browser: () => Browser) => void): void {
  const path = [process.env.RELAYBP_CHROMIUM ?? '', ...PLACES].find((place) => existsSync(place));
  if (!path) {
    const missing = 'no Chromium: apt-get install chromium, or RELAYBP_CHROMIUM=path';
    if (process.env.RELAYBP_REQUIRE_CHROMIUM === '1') {
      test('a browser is installed', () => expect.fail(missing));
    } else test.skip(`in a browser (skipped: ${missing})`, () => {});
    return;
  }
  describe('in a browser', () => {
    let browser: Browser;
    beforeAll(async () => {
      const args = ['--no-sandbox', '--disable-dev-shm-usage'];
      browser = await chromium.launch({ executablePath: path, args, timeout: 240_000 });
    });
    afterAll(() => browser?.close());
    register(() => browser);
  });
}
