/** A training that is killed at any moment, again and again, ends at the numbers of one that was left alone. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/random.js';
import { listCheckpoints } from '../../src/run/run-checkpoints.js';
import { colourImages } from '../support/images.js';
import {
  expectSame,
  expectSound,
  expectTidy,
  injecting,
  set,
  times,
  Workplace,
} from './support.js';

/** Every step is logged and saved, every third evaluated: most of the time something is being written. */
const BUSY = (steps: number): string[] =>
  set(
    `training={steps: ${steps}, batchSize: 8, microBatch: 4, logEvery: 1 steps}`,
    'checkpoint.every=1 steps',
    'evaluation.every=3 steps',
  );

let images: string;
beforeAll(async () => {
  images = await colourImages();
});

describe.each([
  ['wasm', times(6, 90)],
  ['native', times(2, 20)],
])('on the %s engine', (engine, kills) => {
  it(`killed with SIGKILL at random moments (${kills} times): --resume works, nothing is torn or doubled, the numbers are those of an uninterrupted run`, async () => {
    const place = new Workplace(images);
    // One command line for every start, as a supervisor would have it.
    const command = [
      ...['train', 'c.yaml', '--engine', engine, '--out', 'run', '--resume'],
      ...BUSY(60),
    ];
    const began = performance.now();
    const whole = await place.relaybp([
      ...['train', 'c.yaml', '--engine', engine, '--out', 'whole'],
      ...BUSY(60),
    ]);
    expect(whole).toMatchObject({ code: 0 });
    const duration = performance.now() - began;

    const seed = Date.now();
    const random = new Random(seed, 'kills');
    const found = { kills: 0, runs: 0, halfWritten: 0, beforeCheckpoint: 0, finished: 0 };
    while (found.kills < kills) {
      const { child, outcome, stdout } = place.start(command);
      // Half of the kills fall anywhere from the start of the process on, half while it trains.
      if (random.next() < 0.5) await sleep(random.next() * duration);
      else {
        while (!/^step \d+\//m.test(stdout()) && child.exitCode === null) await sleep(2);
        await sleep(random.next() * 0.3 * duration);
      }
      child.kill('SIGKILL');
      const { code, signal, stderr } = await outcome;
      const run = place.at('run');
      if (signal === 'SIGKILL') {
        found.kills++;
        const checkpoints = existsSync(place.at('run/checkpoints'))
          ? readdirSync(place.at('run/checkpoints'))
          : [];
        if (checkpoints.some((name) => name.startsWith('.'))) found.halfWritten++;
        if (listCheckpoints(run).length === 0) found.beforeCheckpoint++;
      } else {
        expect({ code, stderr }).toMatchObject({ code: 0 });
        found.finished++;
      }
      if (existsSync(run)) expectSound(run);
      if (existsSync(place.at('run/summary.json'))) {
        expectSame(run, place.at('whole'));
        rmSync(run, { recursive: true });
        found.runs++;
      }
    }
    const { code, stderr } = await place.relaybp(command);
    expect({ code, stderr }, `seed ${seed}`).toMatchObject({ code: 0 });
    expectSound(place.at('run'));
    expectTidy(place.at('run'));
    expectSame(place.at('run'), place.at('whole'));
    console.log(`${engine}: seed ${seed}: ${JSON.stringify({ ...found, runs: found.runs + 1 })}`);
  });
});

it('killed at each system call that changes the run folder, in the middle of each write: the same', async () => {
  const place = new Workplace(images);
  const run = place.at('run');
  const command = [
    ...['train', 'c.yaml', '--engine', 'wasm', '--resume', '--out', 'run'],
    ...set(
      'training={steps: 3, batchSize: 8, microBatch: 4, logEvery: 1 steps}',
      'checkpoint={every: 1 steps, keep: 1}',
      'evaluation.every=2 steps',
    ),
  ];
  const log = place.at('calls');
  const whole = await place.relaybp(command, { under: injecting({ folder: run, log }) });
  expect(whole).toMatchObject({ code: 0 });
  renameSync(run, place.at('whole'));
  const calls = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[1]!);
  const total = calls.length;
  for (const name of ['mkdir', 'open', 'write', 'rename', 'unlink', 'rmdir'])
    expect(calls).toContain(name);

  const every = times(Math.ceil(total / 6), 1);
  const killed = new Map<string, number>();
  for (let nth = 1 + (every >> 1); nth <= total; nth += every) {
    rmSync(run, { recursive: true, force: true });
    const under = injecting({ folder: run, kill: nth });
    const at = `killed at call ${nth} of ${total}, ${calls[nth - 1]}`;
    expect(await place.relaybp(command, { under }), at).toMatchObject({ signal: 'SIGKILL' });
    if (existsSync(run)) expectSound(run);
    expect(await place.relaybp(command), at).toMatchObject({ code: 0 });
    expectSound(run);
    expectTidy(run);
    expectSame(run, place.at('whole'));
    killed.set(calls[nth - 1]!, (killed.get(calls[nth - 1]!) ?? 0) + 1);
  }
  console.log(`${total} system calls, killed at: ${JSON.stringify(Object.fromEntries(killed))}`);
});
