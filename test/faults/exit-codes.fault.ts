/** The exit codes of docs/reliability.md, everywhere. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { colourImages } from '../support/images.js';
import { set, Workplace } from './support.js';

let images: string;
let place: Workplace;
beforeAll(async () => {
  images = await colourImages();
  place = new Workplace(images);
  expect(await place.train(['--out', 'run', '--max-steps', '2'])).toMatchObject({ code: 0 });
  writeFileSync(place.at('bad.jpg'), 'no image');
  writeFileSync(place.at('bad.yaml'), 'version: 3\n');
  writeFileSync(place.at('list.txt'), 'no/such/file.jpg red\n');
  writeFileSync(place.at('bad.safetensors'), 'no tensors');
  mkdirSync(place.at('empty'));
});

const wasm = ['--engine', 'wasm'];
const train = ['train', 'c.yaml', ...wasm];

describe('exit code', () => {
  it.each<[number, string[]]>([
    [0, ['--help']],
    [0, ['--version']],
    [0, ['train', '--help']],
    [0, ['plan', 'c.yaml']],
    [0, ['eval', 'run', ...wasm]],
    [0, ['engine', 'status']],
    [1, [...train, ...set('optimizer.lr=1e30')]],
    [2, []],
    [2, ['nonsense']],
    [2, ['train', '--nonsense']],
    [2, ['train']],
    [2, ['train', 'c.yaml', '--engine', 'abacus']],
    [2, [...train, '--max-steps', '0']],
    [2, ['plan', 'nowhere.yaml']],
    [2, ['plan', 'bad.yaml']],
    [2, ['plan', '.']],
    [2, [...train, ...set('optimizer.lr=-1')]],
    [2, [...train, ...set('no.such.key=1')]],
    [2, ['eval', 'run', '--multiscale', '--ten-crop', ...wasm]],
    [2, ['eval', 'run', '--confusion', 'nowhere/c.csv', ...wasm]],
    [2, ['eval', 'run', '--weights', '1,1', ...wasm]],
    [2, ['grad', 'c.yaml', '--out', 'nowhere/g.safetensors', ...wasm]],
    [3, [...train, ...set('data.root=nowhere')]],
    [3, [...train, ...set('data.classes=7')]],
    [3, [...train, ...set('data.train=list.txt', 'data.root=.')]],
    [3, ['eval', 'run', '--data', 'empty', ...wasm]],
    [3, ['predict', 'run', 'bad.jpg', ...wasm]],
    [3, ['predict', 'run', 'nowhere.jpg', ...wasm]],
    [3, ['predict', 'run', 'empty', ...wasm]],
    [4, [...train, '--out', 'run']],
    [4, ['train', '--resume', 'nowhere', ...wasm]],
    [4, ['eval', 'nowhere', ...wasm]],
    [4, ['eval', 'bad.safetensors']],
    [4, ['eval', 'empty', ...wasm]],
    [4, ['compare', 'run', 'nowhere', ...wasm]],
    [4, [...train, '--out', 'c.yaml/run']],
  ])('%i of relaybp %j', async (expected, args) => {
    const { code, stderr } = await place.relaybp(args);
    expect(code, stderr).toBe(expected);
    expect(stderr).not.toMatch(/^\s+at /m);
    if (expected !== 0) expect(stderr).toMatch(/error|Usage/);
  });

  it('1 where the native engine is not installed, and where output cannot be written', async () => {
    place.env.RELAYBP_ENGINE_DIR = place.at('empty');
    const { code, stderr } = await place.train(['--engine', 'native']);
    delete place.env.RELAYBP_ENGINE_DIR;
    expect(code).toBe(1);
    expect(stderr).toMatch(/not installed/);
    const command = `${process.execPath} ${join(process.cwd(), 'bin/relaybp.js')} plan c.yaml > /dev/full`;
    const full = spawnSync('sh', ['-c', command], { cwd: place.cwd, encoding: 'utf8' });
    expect(full.status).toBe(1);
    expect(full.stderr).toMatch(/output cannot be written: .*no space left/);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('130 after %s', async (signal) => {
    const { child, outcome, stdout } = place.startTrain([
      ...['--out', signal],
      ...set('training={steps: 100000, batchSize: 8, logEvery: 1 steps}'),
    ]);
    while (!stdout().includes('step 3/')) await sleep(2);
    child.kill(signal);
    const { code, stdout: text } = await outcome;
    expect(code).toBe(130);
    expect(text).toMatch(/interrupted after step \d+; go on with: /);
  });

  it('0 where the reader has had enough', () => {
    const relaybp = `${process.execPath} ${join(process.cwd(), 'bin/relaybp.js')}`;
    const command = `(${relaybp} plan c.yaml --json; echo "code $?" >&2) | head -c 10`;
    const { stderr } = spawnSync('sh', ['-c', command], { cwd: place.cwd, encoding: 'utf8' });
    expect(stderr).toContain('code 0');
  });
});
