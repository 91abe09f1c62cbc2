/** One of several ranks is killed at any moment, again and again: the others end, and the run goes on to the same numbers. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/random.js';
import { LAUNCHERS, launch, REQUIRED } from '../distributed/launchers.js';
import { colourImages } from '../support/images.js';
import { expectSame, expectSound, set, times, until, Workplace } from './support.js';

const BIN = fileURLToPath(new URL('../../bin/relaybp.js', import.meta.url));
const RANKS = 2;
/** Milliseconds in which the others are to end. */
const LATEST = 10_000;
const BUSY = set(
  `training={steps: ${times(20, 60)}, batchSize: 8, microBatch: 4, logEvery: 1 steps}`,
  'checkpoint.every=1 steps',
  'evaluation.every=3 steps',
);

let images: string;
beforeAll(async () => {
  images = await colourImages();
});

it.skipIf(!REQUIRED)('an MPI is installed', () => {
  expect(LAUNCHERS).not.toEqual([]);
});

describe.each(LAUNCHERS)('$name', (launcher) => {
  const kills = times(2, 20);
  it(`a rank killed with SIGKILL at random moments (${kills} times): all end within 10 s, --resume gives the numbers of an uninterrupted run`, async () => {
    const place = new Workplace(images);
    const command = (out: string): string[] => [
      ...[BIN, 'train', 'c.yaml', '--engine', 'wasm', '--resume', '--out', out],
      ...BUSY,
    ];
    const begin = (out: string) =>
      launch(launcher, RANKS, command(out), { cwd: place.cwd, env: place.env });
    const began = performance.now();
    expect(await begin('whole').end).toMatchObject({ code: 0 });
    const duration = performance.now() - began;
    const random = new Random(Date.now(), 'ranks');
    let killed = 0;
    for (;;) {
      const { child, end } = begin('run');
      if (killed < kills) {
        await sleep(random.next() * duration);
        const pids = ranksIn(place.cwd);
        const pid = pids[random.int(Math.max(1, pids.length))];
        if (pid !== undefined && child.exitCode === null && kill(pid)) killed++;
      }
      const at = performance.now();
      const { code } = await end;
      if (code === 0) {
        if (killed >= kills) break;
        continue; // it was faster
      }
      expect(performance.now() - at).toBeLessThan(LATEST);
      expect(ranksIn(place.cwd)).toEqual([]);
      if (existsSync(place.at('run/checkpoints'))) expectSound(place.at('run'));
    }
    expectSame(place.at('run'), place.at('whole'));
  });

  it('a rank that stands still is named after --rank-timeout, all end, and --resume goes on', async () => {
    const place = new Workplace(images);
    const command = [BIN, 'train', 'c.yaml', '--engine', 'wasm', '--resume', '--out', 'run'];
    const long = [...command, ...BUSY, '--rank-timeout', '3'];
    const options = { cwd: place.cwd, env: place.env };
    const { child, end } = launch(launcher, RANKS, long, options);
    await until(child, () => existsSync(place.at('run/checkpoints/step-2')));
    const stopped = ranksIn(place.cwd).find((pid) => rankOf(pid) === 1)!;
    process.kill(stopped, 'SIGSTOP');
    const { code, stderr } = await end;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /rank 0 on \S+ has waited 3 s for other ranks: rank 1 on \S+ (has given no sign for \d+ s|does not get there)/,
    );
    expect(ranksIn(place.cwd)).toEqual([]);
    expectSound(place.at('run'));
    expect(await launch(launcher, RANKS, [...command, ...BUSY], options).end).toMatchObject({
      code: 0,
    });
  });
});

/** Processes of ranks that work in a folder. */
function ranksIn(cwd: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/environ`, 'utf8');
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return (
          text.includes(cwd) &&
          /(OMPI_COMM_WORLD_RANK|PMI_RANK)=/.test(text) &&
          words.includes(BIN) &&
          !/mpirun|prterun|hydra/.test(words[0]!)
        );
      } catch {
        return false; // it has ended, or is another user's
      }
    });
}

function rankOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/environ`, 'utf8');
  return Number(/(?:OMPI_COMM_WORLD_RANK|PMI_RANK)=(\d+)/.exec(text)?.[1]);
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
