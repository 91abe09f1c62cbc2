/** One training at a time in a run folder, and no lock that outlives its process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { colourImages } from '../support/images.js';
import { expectSound, expectTidy, set, times, Workplace } from './support.js';

let images: string;
let place: Workplace;
beforeAll(async () => {
  images = await colourImages();
});
beforeEach(() => {
  place = new Workplace(images);
});

const LONG = set(
  'training={steps: 100000, batchSize: 8, logEvery: 1 steps}',
  'evaluation.every=1000000 steps',
);
const locks = (): string[] =>
  readdirSync(place.at('run')).filter((name) => /^lock\..*\.json$/.test(name));

const TIMES = times(1, 10);
it(`two trainings in the same run folder (${TIMES} times): the second is refused, with --resume and without`, async () => {
  const { child, outcome, stdout } = place.startTrain([...LONG, '--out', 'run']);
  while (!stdout().includes('step 2/')) await sleep(2);
  for (let i = 0; i < TIMES; i++) {
    for (const more of [[], ['--resume']]) {
      const second = await place.train([...LONG, '--out', 'run', ...more]);
      expect(second.code).toBe(4);
      expect(second.stderr).toContain(
        `run: another training is at work in this folder: process ${child.pid} on ${hostname()}, since 2`,
      );
    }
  }
  expect(locks()).toHaveLength(1);
  child.kill('SIGINT');
  expect((await outcome).code).toBe(130);
  expectSound(place.at('run'));
  expectTidy(place.at('run'));
});

const RACES = times(1, 20);
it(`three that begin at once (${RACES} times): at most one gets the folder, and none ends in another's files`, async () => {
  let won = 0;
  for (let i = 0; i < RACES; i++) {
    const args = ['--out', `run-${i}`, ...set('training={steps: 30, batchSize: 8}')];
    const outcomes = await Promise.all([1, 2, 3].map(() => place.train(args)));
    const codes = outcomes.map(({ code }) => code);
    won += codes.filter((code) => code === 0).length;
    expect(codes.filter((code) => code === 0).length).toBeLessThanOrEqual(1);
    for (const { code, stderr } of outcomes) {
      if (code === 0) continue;
      expect(code).toBe(4);
      expect(stderr).toMatch(/another training is at work|holds a run already/);
    }
    if (existsSync(place.at(`run-${i}/checkpoints`))) expectSound(place.at(`run-${i}`));
  }
  expect(won).toBeGreaterThanOrEqual(Math.ceil(RACES / 2));
});

describe('a stale lock', () => {
  const SHORT_RUN = set('training={steps: 4, batchSize: 8}');
  const resume = () => place.train([...SHORT_RUN, '--out', 'run', '--resume']);
  const lock = (owner: object): void =>
    writeFileSync(place.at('run/lock.0a1b2c3d.json'), JSON.stringify(owner));
  /** What the lock of a training holds. */
  const owner = async (): Promise<Record<string, unknown>> => {
    const { child, outcome, stdout } = place.startTrain([...LONG, '--out', 'run']);
    while (!stdout().includes('step 2/')) await sleep(2);
    child.kill('SIGKILL');
    await outcome;
    const [file] = locks();
    return JSON.parse(readFileSync(place.at('run', file!), 'utf8'));
  };

  it('of a killed process is recognised', async () => {
    await owner();
    expect(await resume()).toMatchObject({ code: 0 });
    expect(locks()).toEqual([]);
  });

  it('whose pid belongs to another process by now is recognised', async () => {
    const dead = await owner();
    const other = spawn('sleep', ['600']);
    await once(other, 'spawn');
    lock({ ...dead, pid: other.pid });
    expect(await resume()).toMatchObject({ code: 0 });
    other.kill();
  });

  it('from before a restart of the machine is recognised, though its process number lives', async () => {
    const dead = await owner();
    lock({ ...dead, pid: process.pid, boot: '11111111-2222-3333-4444-555555555555' });
    expect(await resume()).toMatchObject({ code: 0 });
  });

  it('of another machine is respected, as it cannot be told, and the file to remove is named', async () => {
    lock({ ...(await owner()), host: 'elsewhere' });
    const { code, stderr } = await resume();
    expect(code).toBe(4);
    expect(stderr).toMatch(/on elsewhere, since .*\nhint: .*remove run\/lock\.0a1b2c3d\.json/);
  });

  it('of a process in another PID namespace is respected', async () => {
    lock({ ...(await owner()), pidNamespace: 'pid:[1]' });
    expect((await resume()).stderr).toMatch(/remove run\/lock\.0a1b2c3d\.json/);
  });

  it('that is no lock is named', async () => {
    await owner();
    writeFileSync(place.at('run/lock.0a1b2c3d.json'), '{"pid": "7"');
    const { code, stderr } = await resume();
    expect(code).toBe(4);
    expect(stderr).toContain('lock.0a1b2c3d.json is there, but does not say which training');
  });
});
