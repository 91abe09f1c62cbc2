import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ReportData } from '../../src/report/page-data.js';
import { inBrowser } from '../support/chromium.js';
import type { Outcome } from '../support/cli.js';
import { colourImages } from '../support/images.js';
import { followPeak, need, set, Workplace } from './support.js';

let images: string;
let place: Workplace;
/** A copy of a run that is spoilt by a test. */
let run: string;
/** A folder that is none of the run's. */
let outside: string;

const DIAGNOSED = set('training.logEvery=1 step', 'diagnostics.gradients=every 2 steps');
const TENSORBOARD = set('logging.tensorboard=true');

beforeAll(async () => {
  images = realpathSync(await colourImages());
  place = new Workplace(images);
  const trained = await place.train(['--out', 'sound', ...DIAGNOSED, ...TENSORBOARD]);
  expect(trained).toMatchObject({ code: 0 });
});
beforeEach(() => {
  for (const link of ['val/red/link.jpg', 'linked']) rmSync(join(images, link), { force: true });
  const folder = mkdtempSync(place.at('case-'));
  run = join(folder, 'run');
  cpSync(place.at('sound'), run, { recursive: true });
  outside = join(folder, 'outside');
  mkdirSync(outside);
  cpSync(join(images, 'val/red/0.jpg'), join(outside, 'private.jpg'));
});

/** A command that hangs fails here, not at the end of the suite. */
const within = ['timeout', '-s', 'KILL', '60'];
const relaybp = (...args: string[]): Promise<Outcome> => place.relaybp(args, { under: within });
const report = (...args: string[]): Promise<Outcome> =>
  relaybp('report', run, '--out', join(dirname(run), 'page.html'), ...args);

const page = (): ReportData => {
  const html = readFileSync(join(dirname(run), 'page.html'), 'utf8');
  const [, json] = /<script[^>]*id="data"[^>]*>(.*?)<\/script>/s.exec(html)!;
  return JSON.parse(json!) as ReportData;
};
const shown = () =>
  page().runs[0]!.validation!.galleries.flatMap(({ images: all }) =>
    all.map(({ path, picture }) => [path, picture !== null] as const),
  );
/** Whether pictures of the gallery's images are there, all or some or none. */
const pictures = (): boolean[] => [...new Set(shown().map(([, picture]) => picture))].sort();

const best = (): string => join(run, readFileSync(join(run, 'best'), 'utf8').trim());

/** Lets the results of the run name other files. */
function naming(change: (path: string, i: number) => string): void {
  const file = join(best(), 'validation.csv');
  const [head, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  const changed = lines.map((line, i) => {
    const [path, ...cells] = line.split(',');
    return [change(path!, i), ...cells].join(',');
  });
  writeFileSync(file, `${[head, ...changed].join('\n')}\n`);
}

/** Lets the run say that its data are elsewhere. */
function rooted(root: string): void {
  const state = join(best(), 'state.json');
  const json = JSON.parse(readFileSync(state, 'utf8'));
  json.config.data.root = root;
  writeFileSync(state, JSON.stringify(json));
  rmSync(join(best(), 'state.sha256'));
}

describe('a page shows pictures', () => {
  it('of the data of a run, and says nothing', async () => {
    expect(await report()).toMatchObject({ code: 0, stderr: '' });
    expect(pictures()).toEqual([true]);
    expect(page().runs[0]!.leftOut).toEqual([]);
  });

  it.each<[string, () => void]>([
    ['named by its path', () => naming(() => join(outside, 'private.jpg'))],
    [
      'named by a way out',
      () => naming(() => `${images}/val/${relative(join(images, 'val'), outside)}/private.jpg`),
    ],
    [
      'behind a link in the data',
      () => {
        const link = join(images, 'val/red/link.jpg');
        symlinkSync(join(outside, 'private.jpg'), link);
        naming(() => link);
      },
    ],
    [
      'behind a link to a folder',
      () => {
        const link = join(images, 'linked');
        symlinkSync(outside, link);
        naming(() => join(link, 'private.jpg'));
      },
    ],
    [
      'a folder beside that begins with the same name',
      () => {
        const beside = `${images}-private`;
        mkdirSync(beside, { recursive: true });
        cpSync(join(outside, 'private.jpg'), join(beside, 'private.jpg'));
        naming(() => join(beside, 'private.jpg'));
      },
    ],
    ['that are folders', () => naming(() => join(images, 'val/red'))],
  ])('of no file outside the data: %s', async (_, spoil) => {
    spoil();
    const { code, stdout } = await report();
    expect(code).toBe(0);
    expect(stdout.match(/pictures are not shown/g)).toHaveLength(1);
    expect(stdout).toMatch(/no files in \S+, links followed .*--data-root FOLDER/);
    expect(pictures()).toEqual([false]);
    expect(page().runs[0]!.leftOut).toEqual([expect.stringMatching(/pictures are not shown/)]);
  });

  it('of the images that prepared ones were made from', async () => {
    const out = join(outside, 'prepared');
    expect(await relaybp('data', 'prepare', 'c.yaml', '--out', out)).toMatchObject({ code: 0 });
    run = join(outside, 'trained');
    const data = set(`data.root=${out}`);
    expect(await place.train(['--out', run, ...data])).toMatchObject({ code: 0 });
    expect(await report()).toMatchObject({ code: 0, stderr: '' });
    expect(pictures()).toEqual([true]);
    naming(() => join(outside, 'private.jpg'));
    await report();
    expect(pictures()).toEqual([false]);
  });

  it('of the folder that the user names', async () => {
    naming(() => join(outside, 'private.jpg'));
    expect(await report('--data-root', outside)).toMatchObject({ code: 0, stderr: '' });
    expect(pictures()).toEqual([true]);
  });

  it('behind links of a folder that the user names, but by no other way out', async () => {
    const link = join(images, 'linked');
    symlinkSync(outside, link);
    naming(() => join(link, 'private.jpg'));
    expect(await report('--data-root', images)).toMatchObject({ code: 0, stderr: '' });
    expect(pictures()).toEqual([true]);
    // That is beside the link, not in what it leads to.
    cpSync(join(outside, 'private.jpg'), join(dirname(outside), 'private.jpg'));
    naming(() => `${link}/../private.jpg`);
    await report('--data-root', images);
    expect(pictures()).toEqual([false]);
  });

  it.each([
    ['/', () => '/'],
    ['the home folder', homedir],
    ['a folder above it', () => dirname(homedir())],
  ])('of %s only if the user names it, not as the run says', async (_, root) => {
    rooted(root());
    naming(() => join(outside, 'private.jpg'));
    const { stdout } = await report();
    expect(stdout).toMatch(
      /pictures are not shown, as .* your home folder lies as well; .*--data-root/,
    );
    expect(pictures()).toEqual([false]);
    // A home folder need not hold the folder for temporary files.
    expect(await report('--data-root', '/')).toMatchObject({ code: 0, stderr: '' });
    expect(pictures()).toEqual([true]);
  });

  it.each<[string, (file: string) => void]>([
    ['no named pipe', (file) => need('mkfifo', file)],
    ['no endless device', (file) => symlinkSync('/dev/zero', file)],
    ['no terminal', (file) => symlinkSync('/dev/tty', file)],
  ])('of %s: it is neither waited for nor read', async (_, make) => {
    const file = join(images, 'val/red/odd.jpg');
    rmSync(file, { force: true });
    make(file);
    try {
      naming((path, i) => (i % 2 ? path : file));
      const { code, stdout } = await report();
      expect(code).toBe(0);
      expect(stdout).toMatch(/pictures are not shown/);
      expect(pictures()).toEqual([false, true]);
    } finally {
      rmSync(file);
    }
  });

  it('of watch, whatever becomes of a file, and ends at SIGTERM', async () => {
    const file = join(images, 'val/red/changing.jpg');
    cpSync(join(images, 'val/red/0.jpg'), file);
    naming((path, i) => (i % 2 ? path : file));
    const { child, outcome, stdout } = place.start(['watch', run, '--port', '0'], {
      under: within,
    });
    try {
      const find = () => /http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\//.exec(stdout())?.[0];
      await expect.poll(find, { timeout: 30_000 }).toBeDefined();
      const url = find()!;
      const data = (await (await fetch(`${url}data.json`)).json()) as ReportData;
      const all = data.runs[0]!.validation!.galleries.flatMap((one) => one.images);
      const of = (odd: boolean) =>
        all.find(({ path }) => path.endsWith('changing.jpg') === odd)!.picture!;
      rmSync(file);
      need('mkfifo', file); // after the page was made
      const asked = Array.from({ length: 8 }, () => fetch(url + of(true)));
      expect((await fetch(url + of(false))).status).toBe(200);
      for (const { status } of await Promise.all(asked)) expect(status).toBe(500);
      rmSync(file);
      symlinkSync(join(outside, 'private.jpg'), file); // it leads out now
      expect((await fetch(url + of(true))).status).toBe(500);
    } finally {
      rmSync(file, { force: true });
      child.kill('SIGTERM');
    }
    const began = performance.now();
    await outcome;
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

/** Runs a command with a file that cannot be read as such. `peak`: MiB. */
async function spoilt(args: readonly string[]): Promise<Outcome & { peak: number }> {
  const { child, outcome } = place.start(args);
  const peakOf = followPeak(child);
  const late = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const result = await outcome;
  const peak = peakOf();
  clearTimeout(late);
  return { ...result, peak };
}

const ODD: Record<string, (file: string) => void> = {
  'a named pipe': (file) => need('mkfifo', file),
  'an endless device': (file) => symlinkSync('/dev/zero', file),
  'a file of a terabyte': (file) => {
    writeFileSync(file, '');
    truncateSync(file, 2 ** 40);
  },
};
const instead = (file: string, odd: string): void => {
  rmSync(file, { recursive: true, force: true });
  ODD[odd]!(file);
};
const REASON = /no regular file|bytes/;
/** Also what is said of a link that is written to, and of what may be a folder of images. */
const REFUSED = /no regular file|bytes|is a link|not a folder/;

describe.each(Object.keys(ODD))('%s', (odd) => {
  it.each([
    'metrics.jsonl',
    'gradients.jsonl',
    'sessions.jsonl',
    'log.jsonl',
    'summary.json',
    'config.yaml',
    'best',
    'state.json',
    'state.sha256',
    'validation.csv',
  ])('in place of %s of a run is refused by report', async (name) => {
    const file = existsSync(join(run, name)) ? join(run, name) : join(best(), name);
    instead(file, odd);
    const { code, stderr, peak } = await spoilt(['report', run, '--out', join(outside, 'p.html')]);
    expect(stderr).toContain(name);
    expect(stderr).toMatch(name === 'config.yaml' ? /no regular file|characters/ : REASON);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(name === 'config.yaml' ? 2 : 4);
    expect(peak).toBeLessThan(400);
    expect(existsSync(join(outside, 'p.html'))).toBe(false);
  });

  it.each(['metrics.jsonl', 'weights.safetensors', 'state.json', 'last'])(
    'in place of %s of a run is refused by --resume, or an older checkpoint taken',
    async (name) => {
      const last = join(run, readFileSync(join(run, 'last'), 'utf8').trim());
      instead(existsSync(join(run, name)) ? join(run, name) : join(last, name), odd);
      const { stdout, stderr, peak } = await spoilt([
        'train',
        '--engine',
        'wasm',
        '--resume',
        run,
        ...set('training.epochs=3'),
      ]);
      expect(stdout + stderr).toMatch(REFUSED); // a notice where an older checkpoint is taken
      expect(stderr).not.toMatch(/^\s+at /m);
      expect(peak).toBeLessThan(600);
    },
  );

  it('among the images of predict counts as undecodable', async () => {
    const file = join(outside, 'odd.jpg');
    instead(file, odd);
    const { code, stdout, stderr, peak } = await spoilt([
      'predict',
      run,
      file,
      join(outside, 'private.jpg'),
      '--engine',
      'wasm',
      '--on-error',
      'skip',
    ]);
    expect(code).toBe(0);
    expect(stdout + stderr).toMatch(/odd\.jpg.*(no regular file|bytes)/);
    expect(stdout).toMatch(/private\.jpg/);
    expect(peak).toBeLessThan(500);
  });

  it.each<[string, (file: string) => string[], number]>([
    ['a list', (file) => ['train', 'c.yaml', ...set(`data.train=${file}`)], 3],
    ['initial weights', (file) => ['train', 'c.yaml', ...set(`initialCheckpoint=${file}`)], 4],
    ['scores', (file) => ['compare', file, file], 4],
    [
      'weights to import',
      (file) => [
        'import',
        file,
        '--config',
        'c.yaml',
        ...set('data.mean=[0, 0, 0]', 'data.std=[1, 1, 1]'),
      ],
      4,
    ],
  ])('in place of %s is refused', async (_, args, expected) => {
    const file = join(outside, 'odd.safetensors');
    instead(file, odd);
    const { code, stderr, peak } = await spoilt(args(file));
    expect(stderr).toMatch(REFUSED);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(expected);
    expect(peak).toBeLessThan(500);
  });

  it('that a config extends is refused', async () => {
    const base = join(outside, 'base.yaml');
    instead(base, odd);
    writeFileSync(join(outside, 'c.yaml'), 'extends: base.yaml\n');
    const { code, stderr, peak } = await spoilt(['plan', join(outside, 'c.yaml')]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/base\.yaml.*(no regular file|at most 262144 characters)/);
    expect(peak).toBeLessThan(300);
  });

  it('in place of a kept index is passed over, and of kept statistics', async () => {
    const cache = place.env.RELAYBP_CACHE_DIR!;
    const kept = readdirSync(cache, { recursive: true, encoding: 'utf8' })
      .map((name) => join(cache, name))
      .filter((file) => /(index|statistics)-\w+\.(bin|json)$/.test(file));
    expect(kept.length).toBeGreaterThan(0);
    for (const file of kept) instead(file, odd);
    const { code, peak } = await spoilt([
      'train',
      'c.yaml',
      '--engine',
      'wasm',
      '--out',
      join(outside, 'anew'),
    ]);
    expect(code).toBe(0);
    expect(peak).toBeLessThan(600);
  });
});

describe('what the user names himself', () => {
  it.each([
    ['a config', 'exec "$@" plan <(cat c.yaml)'],
    ['a config by its descriptor', 'cat c.yaml | "$@" plan /dev/stdin'],
    ['results', '"$@" report RUN --out OUT --results <(cat BEST/validation.csv)'],
  ])('may be a pipe: %s', async (_, line) => {
    const out = join(outside, 'p.html');
    const script = line.replace('RUN', run).replace('OUT', out).replace('BEST', best());
    const { code, stderr } = await place.relaybp([], {
      under: [...within, 'bash', '-c', script, '-'],
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it.each([
    ['results', '"$@" report RUN --out OUT --results /dev/zero', 4],
    ['a list of images', '"$@" predict RUN - </dev/zero', 3],
  ])('is bounded all the same: %s', async (_, line, expected) => {
    const script = line.replace('RUN', run).replace('OUT', join(outside, 'p.html'));
    const { code, stderr } = await place.relaybp([], {
      under: [...within, 'bash', '-c', script, '-'],
    });
    expect(stderr).toMatch(/does not end after \d+ bytes/);
    expect(code).toBe(expected);
  });
});

/** Everything in a folder, by its contents. */
const contents = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(folder, name);
      return `${name} ${statSync(path).isFile() ? readFileSync(path, 'base64') : ''}`;
    });

const resume = (folder = run): Promise<Outcome> =>
  relaybp('train', '--engine', 'wasm', '--resume', folder, ...set('training.epochs=3'));

describe('a link inside a run folder', () => {
  it.each([
    'checkpoints',
    'tensorboard',
    'tensorboard/train',
    'tensorboard/val',
    'metrics.jsonl',
    'metrics.csv',
    'gradients.jsonl',
    'log.jsonl',
  ])('is refused before anything is written: %s', async (name) => {
    const target = join(outside, 'theirs');
    renameSync(join(run, name), target);
    symlinkSync(target, join(run, name));
    const [there, here] = [contents(outside), contents(run)];
    const { code, stderr } = await resume();
    expect(stderr).toMatch(
      `${name}: is a link to ${target}, and links inside a run folder are not`,
    );
    expect(code).toBe(4);
    expect(contents(outside)).toEqual(there);
    expect(contents(run)).toEqual(here);
  });

  it.each(['checkpoints', 'metrics.jsonl', 'log.jsonl', 'gradients.jsonl', 'signals.jsonl'])(
    'that leads to nothing yet makes nothing there: %s',
    async (name) => {
      const fresh = join(outside, 'fresh');
      mkdirSync(fresh);
      symlinkSync(join(outside, 'made'), join(fresh, name));
      const { code, stderr } = await place.train(['--out', fresh, ...DIAGNOSED]);
      expect(stderr).toMatch(/is a link to/);
      expect(code).toBe(4);
      expect(existsSync(join(outside, 'made'))).toBe(false);
    },
  );

  it.each(['config.yaml', 'summary.json', 'sessions.jsonl', 'last', 'best'])(
    'is replaced, and what it leads to stays: %s',
    async (name) => {
      const target = join(outside, 'theirs');
      renameSync(join(run, name), target);
      symlinkSync(target, join(run, name));
      const before = readFileSync(target, 'utf8');
      expect(await resume()).toMatchObject({ code: 0 });
      expect(readFileSync(target, 'utf8')).toBe(before);
      expect(readFileSync(join(run, name), 'utf8')).not.toBe('');
    },
  );

  it('in place of a checkpoint, or of what a crash left, is removed by itself', async () => {
    const folder = join(outside, 'theirs');
    mkdirSync(folder);
    writeFileSync(join(folder, 'precious'), 'x');
    for (const name of ['step-1', '.writing-step-9-1', '.removing-step-8', '.old-step-7']) {
      symlinkSync(folder, join(run, 'checkpoints', name));
    }
    for (const name of ['last.0123abcd.tmp', 'lock.0123abcd.json.tmp']) {
      symlinkSync(join(folder, 'precious'), join(run, name));
    }
    expect(await resume()).toMatchObject({ code: 0 });
    expect(readdirSync(folder)).toEqual(['precious']);
    expect(readdirSync(join(run, 'checkpoints')).filter((name) => !/^step-/.test(name))).toEqual(
      [],
    );
    expect(existsSync(join(run, 'checkpoints/step-1'))).toBe(false);
  });

  it.each(['metrics.csv', 'log.jsonl'])('a pipe is not waited for: %s', async (name) => {
    instead(join(run, name), 'a named pipe');
    const { code, stderr } = await resume();
    expect(stderr).toMatch(`${name}: is no regular file`);
    expect(code).toBe(4);
  });

  it('is no matter where the run folder itself is one, or the folder of runs', async () => {
    const link = join(dirname(run), 'link');
    symlinkSync(run, link);
    expect(await resume(link)).toMatchObject({ code: 0 });
    const big = join(outside, 'bigdisk');
    mkdirSync(big);
    symlinkSync(big, join(outside, 'runs'));
    expect(await place.train(['--out', join(outside, 'runs/new'), ...TENSORBOARD])).toMatchObject({
      code: 0,
    });
    expect(readdirSync(join(big, 'new'))).toContain('summary.json');
  });
});

const METRIC = { kind: 'train', step: 3, epoch: 1, lr: 0.02, top1: 40, top5: 100 };
const many = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`column${i}`, i]));
const own = (text: string): string => JSON.stringify(METRIC).replace(/\}$/, `,${text}}`);

const METRICS: [string, () => string[], RegExp][] = [
  [
    'own keys',
    () => [
      own('"__proto__": 5, "constructor": 1, "toString": 2, "hasOwnProperty": 3, "length": 4'),
    ],
    /^\d columns of metrics\.jsonl .* not shown: .*"constructor"/,
  ],
  [
    'thousands of columns',
    () => [JSON.stringify({ ...METRIC, ...many(20_000) })],
    /^20000 columns of metrics\.jsonl .* not shown: "column0", "column1", "column2", …$/,
  ],
  [
    'other columns in each row',
    () => Array.from({ length: 3000 }, (_, i) => JSON.stringify({ ...METRIC, [`loss.x${i}`]: 1 })),
    /^3000 columns/,
  ],
  ['a name of a megabyte', () => [own(`"${'x'.repeat(1e6)}": 1`)], /^1 column of.*"x{40}"$/],
  [
    'numbers that are none',
    () => [own('"loss.primary": 1e300'), own('"top1_err": {}'), own('"images": 1e999')],
    /^3 damaged rows of metrics\.jsonl are left out$/,
  ],
  [
    'lines that are no rows',
    () => [
      'null',
      '[]',
      '"x"',
      '{"step": "1"}',
      '{"kind": "x", "step": 1, "epoch": 1}',
      '\0\0',
      '{',
    ],
    /^7 damaged rows of metrics\.jsonl are left out$/,
  ],
  [
    'steps that go back',
    () => [3, 1, 2, 1].map((step) => JSON.stringify({ ...METRIC, step })),
    /^$/,
  ],
];

const GRADIENT = { layer: 'conv1_1', weight: 1, gradient: 1, byLoss: { primary: 1 } };
const gradientRow = (layer: object): string =>
  JSON.stringify({ step: 2, epoch: 1, layers: [{ ...GRADIENT, ...layer }] });

const GRADIENTS: [string, () => string[], RegExp][] = [
  [
    'rows without layers, or others',
    () => [
      '{"step": 1}',
      '{"step": 1, "epoch": 1, "layers": {}}',
      '{"step": 1, "epoch": 1, "layers": [null]}',
      gradientRow({ weight: 'x' }),
      gradientRow({ byLoss: null }),
      gradientRow({ byLoss: { primary: 'x' } }),
      gradientRow({ cosines: [{ losses: ['a'], cosine: 1 }] }),
      gradientRow({ gradient: 1e300 }),
      '{"step": 1, "epo',
    ],
    /^9 damaged rows of gradients\.jsonl are left out$/,
  ],
  [
    'layers that the network does not have',
    () => [
      ...Array.from({ length: 500 }, (_, i) => gradientRow({ layer: `l${i}` })),
      gradientRow({ layer: '__proto__' }),
    ],
    /^\d+ layers of gradients\.jsonl that this run's network does not have are not shown: /,
  ],
  [
    'own keys as losses',
    () => [gradientRow({}).replace('"primary":1', '"__proto__":1,"constructor":2,"toString":3')],
    /^\d+ layers|^$/,
  ],
];

const SESSIONS: [string, () => string[], RegExp][] = [
  [
    'sessions that are none',
    () => [
      '{}',
      '{"started": "yesterday"}',
      '{"started": "2026-01-01T00:00:00.000Z", "cores": {}}',
    ],
    /^3 damaged lines of sessions\.jsonl are left out$/,
  ],
];

const PAGES: [string, string, () => string[], RegExp][] = [
  ...METRICS.map(([what, lines, said]) => ['metrics.jsonl', what, lines, said] as const),
  ...GRADIENTS.map(([what, lines, said]) => ['gradients.jsonl', what, lines, said] as const),
  ...SESSIONS.map(([what, lines, said]) => ['sessions.jsonl', what, lines, said] as const),
].map((one) => [...one]);

inBrowser((browser) => {
  it.each(PAGES)('a page is whole with %s of %s', async (file, _, lines, said) => {
    appendFileSync(
      join(run, file),
      lines()
        .map((line) => `${line}\n`)
        .join(''),
    );
    const { code, stdout } = await report();
    expect(code).toBe(0);
    const { leftOut, train } = page().runs[0]!;
    expect(leftOut.join('\n')).toMatch(new RegExp(said, 'm'));
    expect(stdout.split('\n').filter(Boolean)).toHaveLength(leftOut.length + 1);
    expect(train.step).toEqual([...train.step].sort((a, b) => a - b));
    expect(statSync(join(dirname(run), 'page.html')).size).toBeLessThan(4e6);

    const tab = await browser().newPage();
    tab.setDefaultTimeout(60_000);
    const errors: string[] = [];
    tab.on('pageerror', (error) => errors.push(error.message));
    tab.on('console', (message) => errors.push(message.text()));
    await tab.goto(pathToFileURL(join(dirname(run), 'page.html')).href);
    await tab.locator('#curves canvas').first().waitFor();
    await tab.locator('#gradients canvas').first().waitFor();
    await tab.locator('#gallery figure').first().waitFor();
    for (const text of leftOut)
      expect(await tab.locator('.left-out').textContent()).toContain(text);
    expect(errors).toEqual([]);
    await tab.close();
  });
});

describe('an older clock', () => {
  it('breaks neither the page nor what is said of a run', async () => {
    const log = join(run, 'log.jsonl');
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    const back = lines.map((line, i) => {
      const json = JSON.parse(line);
      return JSON.stringify({ ...json, time: json.time + 1e9 - i * 1e6 });
    });
    writeFileSync(log, `${back.join('\n')}\n`);
    const [session] = readFileSync(join(run, 'sessions.jsonl'), 'utf8').trimEnd().split('\n');
    const earlier = { ...JSON.parse(session!), started: '1970-01-01T00:00:00.000Z', step: 3 };
    appendFileSync(join(run, 'sessions.jsonl'), `${JSON.stringify(earlier)}\n`);
    expect(await report()).toMatchObject({ code: 0, stderr: '' });
    const [shownRun] = page().runs;
    expect(shownRun).toMatchObject({ state: 'finished', leftOut: [] });
    expect(shownRun!.facts.seconds).toBeGreaterThanOrEqual(0);
    expect(shownRun!.sessions).toHaveLength(2);
    const { stdout } = await relaybp('runs', dirname(run), '--json');
    expect(JSON.parse(stdout)[0]).toMatchObject({ state: 'finished' });
  });
});

describe('a list of runs', () => {
  it('names those that cannot be read, and has the others', async () => {
    cpSync(place.at('sound'), join(dirname(run), 'sound'), { recursive: true });
    instead(join(run, 'metrics.jsonl'), 'a named pipe');
    const { code, stdout } = await relaybp('runs', dirname(run), '--json');
    expect(code).toBe(0);
    const states = (JSON.parse(stdout) as { folder: string; state: string; problem: string }[]).map(
      ({ state, problem }) => [state, problem],
    );
    expect(states).toContainEqual(['finished', null]);
    expect(states).toContainEqual(['damaged', expect.stringMatching(/no regular file/)]);
  });
});
