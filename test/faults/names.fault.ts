/** Names made to do harm where they are shown: they steer no terminal, forge no line, and are no formula. */
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { isVisible, visible } from '../../src/visible.js';
import { colourImages } from '../support/images.js';
import { set, Workplace } from './support.js';

/** Clears the screen, names the window, forges an error and hides itself: by C0, C1, line ends and direction. */
const EVIL = '\u001b[2J\u001b]0;title\u0007\nerror: forged\r\u009b31m\u2028\u202egpj\u007f\t';
/** Classes with such names, in their order. Two are formulas. */
const CLASSES = ['=HYPERLINK("http:x")', '@SUM(1)', `red${EVIL}`].sort();
const FORMULAS = CLASSES.filter((name) => /^[=@]/.test(name));
const RUN = `run${EVIL}`;

let place: Workplace;
beforeAll(async () => {
  const plain = await colourImages();
  const root = join(tmpdir(), `${plain.split('/').at(-1)}-${EVIL}`);
  cpSync(plain, root, { recursive: true });
  for (const part of ['train', 'val']) {
    for (const [i, name] of ['blue', 'green', 'red'].entries()) {
      const folder = join(root, part, CLASSES[i]!);
      renameSync(join(root, part, name), folder);
      renameSync(join(folder, '0.jpg'), join(folder, `0${EVIL}.jpg`));
      writeFileSync(join(folder, `bad${EVIL}.jpg`), 'no image');
    }
  }
  place = new Workplace(root);
  const { code, stderr } = await place.train(['--out', RUN, '--max-steps', '2']);
  expect(code, stderr).toBe(0);
  mkdirSync(place.at('out'));
  images = root;
});
let images: string;

const wasm = ['--engine', 'wasm'];
const train = ['train', 'c.yaml', ...wasm];

/** Runs a command whose output must hold nothing but lines of its own. */
async function clean(args: readonly string[]) {
  const outcome = await place.relaybp(args);
  for (const text of [outcome.stdout, outcome.stderr]) {
    expect(visible(text.replaceAll('\n', ''))).toBe(text.replaceAll('\n', ''));
    expect(text).not.toMatch(/^error: forged/m);
  }
  return outcome;
}

describe('names with controls and line ends are shown as \\xNN', () => {
  it.each<[string, () => string[], number, RegExp]>([
    ['train', () => [...train, '--out', `more${EVIL}`, '--max-steps', '2'], 0, /\\x1b\[2J/],
    [
      'train --resume',
      () => ['train', '--resume', RUN, ...wasm, '--max-steps', '3'],
      0,
      /\\x0aerror: forged\\x0d/,
    ],
    [
      'train in a run that is there',
      () => [...train, '--out', RUN],
      4,
      /^error: run\\x1b\[2J.*holds a run already$/m,
    ],
    [
      'train without such data',
      () => [...train, ...set(`data.train=${JSON.stringify(EVIL)}`)],
      3,
      /\\x1b/,
    ],
    ['train of other classes', () => [...train, ...set('data.classes=7')], 3, /classes/],
    ['plan of a file that is not there', () => ['plan', `${EVIL}.yaml`], 2, /\\x1b/],
    [
      'plan of a key that is not there',
      () => ['plan', 'c.yaml', ...set(`${EVIL}=1`)],
      2,
      /unknown key/,
    ],
    [
      'plan of a value that cannot be',
      () => ['plan', 'c.yaml', ...set(`name=${JSON.stringify(EVIL)}`)],
      2,
      /a name/,
    ],
    [
      'plan of a value that is no YAML',
      () => ['plan', 'c.yaml', ...set(`name=[${EVIL}`)],
      2,
      /not valid YAML/,
    ],
    ['an option that is not there', () => ['plan', `--x${EVIL}`], 2, /unknown option '--x\\x1b/],
    ['an argument that cannot be', () => [...train, '--max-steps', EVIL], 2, /\\x0aerror: forged/],
    ['a command that is not there', () => [EVIL], 2, /\\x1b/],
    ['eval', () => ['eval', RUN, ...wasm], 0, /red\\x1b\[2J/],
    ['eval of what is not there', () => ['eval', EVIL, ...wasm], 4, /\\x1b/],
    ['compare', () => ['compare', RUN, RUN, ...wasm], 0, /^A: run\\x1b/m],
    ['predict', () => ['predict', RUN, images, ...wasm], 0, /red\\x1b.*cannot be decoded/],
    [
      'predict --format csv',
      () => ['predict', RUN, images, '--format', 'csv', ...wasm],
      0,
      /\\x1b/,
    ],
    ['report', () => ['report', RUN, '--out', `out/${EVIL}.html`], 0, /\\x1b/],
    ['data check', () => ['data', 'check', images], 3, /red\\x1b/],
    ['data stats', () => ['data', 'stats', 'c.yaml'], 0, /red\\x1b/],
    ['data preview', () => ['data', 'preview', 'c.yaml', '--out', `out/${EVIL}.png`], 0, /\\x1b/],
    ['data prepare', () => ['data', 'prepare', 'c.yaml', '--out', `out/${EVIL}`], 0, /\\x1b/],
    ['grad', () => ['grad', 'c.yaml', ...wasm, '--out', `out/${EVIL}.safetensors`], 0, /\\x1b/],
    [
      'export',
      () => [
        'export',
        RUN,
        ...wasm,
        '--format',
        'safetensors',
        '--out',
        `out/${EVIL}2.safetensors`,
      ],
      0,
      /\\x1b/,
    ],
    ['init', () => ['init', images, '--out', `out/${EVIL}.yaml`], 0, /\\x1b/],
    [
      'import',
      () => [
        'import',
        `${EVIL}.safetensors`,
        '--config',
        'c.yaml',
        ...set('data.mean=[1, 2, 3]', 'data.std=1'),
      ],
      4,
      /\\x1b/,
    ],
    ['engine status', () => ['engine', 'status', '--dir', EVIL], 0, /\\x1b/],
  ])('by %s', async (_, args, code, text) => {
    const outcome = await clean(args());
    const both = outcome.stdout + outcome.stderr;
    expect(outcome.code, both).toBe(code);
    expect(both).toMatch(text);
  });

  it('by watch', async () => {
    const { child, outcome, stdout } = place.start(['watch', RUN, '--port', '0']);
    while (!stdout().includes('Ctrl-C')) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGTERM');
    await outcome;
    expect(isVisible(stdout().replaceAll('\n', ''))).toBe(true);
    expect(stdout()).toMatch(/^watching run\\x1b/m);
  });

  it('completion leaves out what would not stay one word', async () => {
    mkdirSync(place.at('runs'), { recursive: true });
    cpSync(place.at(RUN), place.at('runs', RUN), { recursive: true });
    cpSync(place.at(RUN), place.at('runs/plain'), { recursive: true });
    const { stdout } = await place.relaybp(['__complete', 'eval', '']);
    expect(stdout).toBe('any\nruns/plain\trun\n');
  });
});

describe('programs read them exactly', () => {
  it.each([
    ['eval', ['eval', RUN, ...wasm, '--json']],
    ['data stats', ['data', 'stats', 'c.yaml', '--json']],
  ])('from the JSON of %s', async (_, args) => {
    const { stdout, code } = await clean(args);
    expect(code).toBe(0);
    for (const name of CLASSES) expect(stdout).toContain(JSON.stringify(name).slice(1, 8));
    expect(JSON.stringify(JSON.parse(stdout))).toContain(JSON.stringify(`red${EVIL}`).slice(1, -1));
  });

  it('from the JSON of predict', async () => {
    const { stdout } = await clean(['predict', RUN, images, ...wasm, '--format', 'json']);
    const all = JSON.parse(stdout) as { image: string; predictions?: { class: string }[] }[];
    expect(all.filter(({ image }) => image.endsWith(`/0${EVIL}.jpg`))).toHaveLength(6);
    const [first] = all.filter(({ predictions }) => predictions);
    expect(first!.predictions!.map((one) => one.class).sort()).toEqual(CLASSES);
  });

  it('from the YAML of --print-config', async () => {
    const { stdout, code } = await clean(['plan', 'c.yaml', '--print-config']);
    expect(code).toBe(0);
    expect(parseYaml(stdout).data.root).toBe(images);
  });
});

describe('in CSV', () => {
  const files = (...more: string[]): string[] => [
    ...['eval', RUN, ...wasm, '--results', 'out/r.csv'],
    ...['--per-class', 'out/p.csv', '--confusion', 'out/c.csv', ...more],
  ];
  const read = (name: string): string => readFileSync(place.at('out', name), 'utf8');
  const cells = (text: string): string[] =>
    (parse(text, { relax_column_count: true }) as string[][]).flat();

  it('nothing is a formula, and a row is a line', async () => {
    expect(await clean(files())).toMatchObject({ code: 0 });
    const { stdout } = await clean(['predict', RUN, images, ...wasm, '--format', 'csv']);
    for (const text of [read('r.csv'), read('p.csv'), read('c.csv'), stdout]) {
      expect(cells(text).filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([]);
      for (const name of FORMULAS) expect(cells(text)).toContain(`'${name}`);
      expect(cells(text)).toContain(visible(`red${EVIL}`));
      expect(isVisible(text.replaceAll('\n', ''))).toBe(true);
      expect((parse(text, { relax_column_count: true }) as string[][]).length).toBe(
        text.split('\n').length - 1,
      );
    }
  });

  it('--raw-names has them as they are', async () => {
    expect(await clean(files('--raw-names'))).toMatchObject({ code: 0 });
    const { stdout } = await place.relaybp([
      'predict',
      RUN,
      images,
      ...wasm,
      '--format',
      'csv',
      '--raw-names',
    ]);
    for (const text of [read('r.csv'), read('p.csv'), read('c.csv'), stdout]) {
      for (const name of CLASSES) expect(cells(text)).toContain(name);
    }
  });

  it('a report finds classes and pictures in both', async () => {
    for (const more of [[], ['--raw-names']]) {
      expect(await clean(files(...more))).toMatchObject({ code: 0 });
      const { code, stdout } = await clean([
        'report',
        RUN,
        '--results',
        'out/r.csv',
        '--out',
        'out/x.html',
      ]);
      expect({ code, stdout }).toEqual({
        code: 0,
        stdout: expect.stringMatching(/^out\/x\.html: .*\n$/),
      });
      const page = read('x.html');
      expect(page.match(/data:image\/webp/g)!.length).toBeGreaterThanOrEqual(10);
    }
  });

  it.each([
    ['eval', ['eval', RUN, ...wasm, '--raw-names']],
    ['predict', ['predict', RUN, 'x.jpg', ...wasm, '--raw-names']],
  ])('--raw-names of %s without CSV is refused', async (_, args) => {
    const { code, stderr } = await clean(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--raw-names is about/);
  });

  it("a training's own results are as those of eval", async () => {
    await clean(files());
    const best = readFileSync(place.at(RUN, 'best'), 'utf8').trim();
    expect(readFileSync(place.at(RUN, best, 'validation.csv'), 'utf8')).toBe(read('r.csv'));
  });
});
