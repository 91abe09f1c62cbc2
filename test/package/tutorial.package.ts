/** docs/tutorial.md, followed word for word in an empty folder, with relaybp installed globally from its package. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { commandsIn } from '../../scripts/docs/commands.js';
import { version } from '../../src/version.js';
import { inBrowser } from '../support/chromium.js';
import { ROOT } from '../support/consumer.js';
import { colourImages } from '../support/images.js';
import { type Said, shell, start } from './shell.js';

const { tarball } = inject('packed');
const work = mkdtempSync(join(tmpdir(), 'relaybp-tutorial-'));
const cwd = join(work, 'empty');
/** Of npm's global folder; a space, as in many a home folder. */
const prefix = join(work, 'own prefix');
const env = {
  npm_config_prefix: prefix,
  PATH: `${join(prefix, 'bin')}:${process.env.PATH}`,
  RELAYBP_CACHE_DIR: join(work, 'cache'),
  RELAYBP_ENGINE_DIR: join(work, 'engine'),
};

beforeAll(async () => {
  mkdirSync(cwd);
  // Eight images to train on, so that what `init` writes takes little time.
  const others = /train\/(?:blue\/(?:[4-9]|1\d)|(?:green|red)\/[2-9])\.jpg$/;
  const filter = (file: string): boolean => !others.test(file);
  cpSync(await colourImages(), join(cwd, 'my-photos'), { recursive: true, filter });
  cpSync(tarball, join(cwd, basename(tarball)));
});
afterAll(() => rmSync(work, { recursive: true }));

/** Commands that are not run here, and why. */
const ELSEWHERE: [RegExp, string][] = [
  [/^npm ci && npm run build && npm pack/, 'in a checkout; pack.ts packs'],
  [/^relaybp (train .*--out runs\/longer|compare|report .*runs\/longer)/, 'a second training'],
];
if (process.env.RELAYBP_PACKAGE_ENGINE !== '1') {
  ELSEWHERE.push([/^relaybp engine install/, 'fetches TensorFlow; scripts/check-package --engine']);
}

/** Files that a command makes, and what it says. */
const MAKES: [RegExp, { files?: string[]; says?: RegExp }][] = [
  [/^relaybp init/, { files: ['my-photos.yaml', 'relaybp.schema.json'] }],
  [/^relaybp report/, { files: ['report.html'] }],
  [/^relaybp eval/, { files: ['classes.csv', 'confusion.csv'], says: /^15 images .*top-1/m }],
  [/^relaybp predict/, { says: /^my-photos\/val\/red\/0\.jpg {2}\w+ [\d.]+ %, \w+ [\d.]+ %$/m }],
  [/^relaybp export .* --force/, { says: /^tested with onnxruntime [\d.]+ on 4 images/m }],
];

/** The training that `watch` looks at. */
let training: ReturnType<typeof start> | undefined;
let told: Said;

describe('docs/tutorial.md', () => {
  for (const { command } of commandsIn(readFileSync(join(ROOT, 'docs/tutorial.md'), 'utf8'))) {
    const [, elsewhere] = ELSEWHERE.find(([pattern]) => pattern.test(command)) ?? [];
    if (elsewhere) it.skip(`${command} (${elsewhere})`, () => {});
    else if (command.startsWith('relaybp watch')) inBrowser((browser) => watch(browser, command));
    else {
      it(command, () => follow(command));
      if (command.startsWith('relaybp report')) inBrowser(report);
      if (/^relaybp export(?!.*--force)/.test(command)) it('types what the export says', hint);
    }
  }
});

async function follow(command: string): Promise<void> {
  if (/^relaybp train .*--out runs\/first/.test(command)) {
    training = start(command, cwd, env); // goes on while it is watched
    return;
  }
  if (training) {
    const { code, said } = training;
    expect(await code, said.stderr).toBe(0);
    expect(said.stderr).toBe('');
    training = undefined;
  }
  told = await shell(command, cwd, env);
  expect(told.stderr).not.toMatch(/\b(error|warning|skipped|deprecated)\b/i);
  const [, { files = [], says = /^/ } = {}] = MAKES.find(([like]) => like.test(command)) ?? [];
  for (const file of files) expect(existsSync(join(cwd, file)), file).toBe(true);
  expect(told.stdout).toMatch(says);
}

/** The command that the export before named, so that it is tested. */
async function hint(): Promise<void> {
  const [, command] =
    /^not tested: onnxruntime-node is not installed; to have exports tested: (.*)$/m.exec(
      told.stderr,
    ) ?? [];
  expect(command).toContain(`--prefix '${prefix}'`);
  const { npm_config_prefix: _, ...usual } = env; // npm itself knows of no other prefix than its own
  await shell(command!, cwd, usual);
}

function watch(browser: () => Browser, command: string): void {
  it(command, async () => {
    const begun = (): boolean => existsSync(join(cwd, 'runs/first/metrics.jsonl'));
    await expect.poll(begun, { timeout: 60_000 }).toBe(true);
    const watching = start(`${command} --port 0`, cwd, env);
    const find = (): string | undefined =>
      /http:\/\/127\.0\.0\.1:\d+\/[\w-]+\//.exec(watching.said.stdout)?.[0];
    try {
      await expect.poll(find, { timeout: 60_000 }).toBeDefined();
      const page = await open(browser(), find()!);
      await page.shows('live', 'finished');
      await page.draws();
    } finally {
      watching.stop();
    }
    expect(await watching.code, watching.said.stderr).toBe(0);
  });
}

function report(browser: () => Browser): void {
  it('report.html in a browser', async () => {
    const page = await open(browser(), pathToFileURL(join(cwd, 'report.html')).href);
    await page.shows('finished');
    await page.draws();
  });
}

/** Opens a page in a browser, and listens to what its console says. */
async function open(browser: Browser, url: string) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const said: string[] = [];
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(error.message));
  await page.goto(url);
  const blank = (): Promise<unknown> =>
    page.evaluate(`[...document.querySelectorAll('#curves canvas')].map((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.every((value) => value === 0);
    })`);
  return {
    async shows(...words: string[]): Promise<void> {
      for (const word of words) {
        await page.getByText(word, { exact: false }).first().waitFor({ timeout: 240_000 });
      }
    },
    /** Every curve is drawn, and the console is silent; closes the page. */
    async draws(): Promise<void> {
      for (const canvas of await page.locator('#curves canvas').all()) {
        await canvas.scrollIntoViewIfNeeded();
      }
      const curves = (await page.locator('#curves figure.chart').count()) || -1;
      await expect.poll(blank, { timeout: 60_000 }).toEqual(Array(curves).fill(false));
      expect(curves).toBeGreaterThanOrEqual(5);
      expect(said).toEqual([]);
      await page.close();
    },
  };
}

describe('other commands', () => {
  const packed = `'${join(prefix, 'lib/node_modules/relaybp')}'`;
  it.each([
    ['relaybp --version', new RegExp(`^${version.replaceAll('.', '\\.')}\\n$`)],
    ['relaybp engine status', /^wasm +works/m],
    [`relaybp plan ${packed}/configs/places2-modelA.yaml`, /^parameters /m],
    ['relaybp completion bash | bash -n', /^$/],
    ['relaybp schema --markdown', /^# /m],
    ['relaybp data preview my-photos.yaml', /\.png/],
    ['relaybp export --format tfjs', /^tested with TensorFlow\.js/m],
  ])('%s', async (command, says) => {
    expect((await shell(command, cwd, env)).stdout).toMatch(says);
  });
});

describe('an installation that is incomplete', () => {
  it.each([['relaybp report runs/first --out other.html'], ['relaybp watch runs/first --port 0']])(
    '%s says so, and does not begin',
    async (command) => {
      const home = join(prefix, 'lib/node_modules/relaybp');
      const style = join(home, 'dist/report/page/page.css');
      renameSync(style, `${style}.away`);
      try {
        const { code, said } = start(command, cwd, env);
        expect(await code).toBe(1);
        expect(said.stdout).toBe('');
        expect(said.stderr).toBe(
          `error: ${style}: missing\nhint: ${home} is incomplete: install relaybp again\n`,
        );
      } finally {
        renameSync(`${style}.away`, style);
      }
    },
  );
});
