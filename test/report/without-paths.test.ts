import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { homedir, hostname, tmpdir, userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { ReportData } from '../../src/report/page-data.js';
import { run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let cwd: string;
let images: string;
beforeAll(async () => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'relaybp-nowhere-')));
  images = await colourImages();
  mkdirSync(join(cwd, 'a'));
  mkdirSync(join(cwd, 'b'));
  const config = SMALL_CONFIG.replace('data/small', JSON.stringify(images));
  writeFileSync(join(cwd, 'c.yaml'), config);
  const args = [
    'train',
    join(cwd, 'c.yaml'),
    '--engine',
    'wasm',
    '--fast-dev-run',
    '--out',
    join(cwd, 'a/same'),
  ];
  expect(await run(args, cwd, {})).toMatchObject({ code: 0 });
  cpSync(join(cwd, 'a/same'), join(cwd, 'b/same'), { recursive: true });
});

const page = async (...more: string[]): Promise<string> => {
  const args = ['report', join(cwd, 'a/same'), 'b/same', '--out', 'page.html', ...more];
  expect(await run(args, cwd, {})).toMatchObject({ code: 0 });
  return readFileSync(join(cwd, 'page.html'), 'utf8');
};
const dataOf = (html: string): ReportData => {
  const [, json] =
    /<script[^>]*type="application\/json"[^>]*>([\s\S]*?)<\/script>/.exec(html) ?? [];
  return JSON.parse(json ?? 'null') as ReportData;
};

it('a report says where things lie; with --no-paths it does not, and shows all else', async () => {
  // Shorter ones are found in the page's own words.
  const secrets = [cwd, images, homedir(), hostname()].filter((one) => one.length > 4);
  if (userInfo().username !== 'root') secrets.push(userInfo().username);
  const open = await page();
  for (const secret of [cwd, images]) expect(open.includes(secret)).toBe(true);
  const closed = await page('--no-paths');
  for (const secret of secrets) expect(closed.includes(secret), secret).toBe(false);
  const { runs, groups } = dataOf(closed);
  expect(runs.map(({ label }) => label)).toEqual(['1: same', '2: same']);
  expect(groups.length).toBeGreaterThan(0);
  expect(runs[0]!.settings['data.root']).toBe(JSON.stringify(basename(images)));
  expect(runs[0]!.yaml).toContain(`root: ${basename(images)}`);
  expect(runs[0]!.sessions[0]).toMatchObject({ host: '…', folder: '…' });
  expect(runs[0]!.sessions[0]!.command).toMatch(/train …\/c\.yaml|train \S*c\.yaml --engine wasm/);
  // Numbers, drawings and pictures are those of the whole page.
  const whole = dataOf(open).runs[0]!;
  expect([runs[0]!.train, runs[0]!.network]).toEqual([whole.train, whole.network]);
  const pictures = (report: typeof whole) =>
    report.validation!.galleries.flatMap((gallery) => gallery.images.map(({ picture }) => picture));
  expect(pictures(runs[0]!)).toEqual(pictures(whole));
  expect(pictures(whole).filter(Boolean).length).toBeGreaterThan(0);
});
