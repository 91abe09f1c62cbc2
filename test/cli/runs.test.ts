import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runsLines } from '../../src/cli/runs-view.js';
import type { ReportData } from '../../src/report/page-data.js';
import type { ListedRun } from '../../src/run/run-list.js';
import { lockRun } from '../../src/run/run-lock.js';
import { type Outcome, run, start } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let trained: string;
let cwd: string;
beforeAll(async () => {
  trained = mkdtempSync(join(tmpdir(), 'relaybp-runs-'));
  const config = SMALL_CONFIG.replace('data/small', await colourImages());
  writeFileSync(join(trained, 'c.yaml'), config);
  const args = ['train', 'c.yaml', '--engine', 'wasm', '--out', 'run'];
  const env = { RELAYBP_CACHE_DIR: join(trained, 'cache') };
  expect(await run(args, trained, env)).toMatchObject({ code: 0, stderr: '' });
});
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-runs-'));
  mkdirSync(join(cwd, 'runs/notes'), { recursive: true }); // no run
});

const relaybp = (...args: string[]): Promise<Outcome> => run(args, cwd);
const at = (...parts: string[]): string => join(cwd, 'runs', ...parts);
/** A copy of the trained run, last changed so many minutes ago. */
function copy(name: string, minutes: number): void {
  cpSync(join(trained, 'run'), at(name), { recursive: true });
  const ago = 60 * minutes + 1;
  const shifted = (_: string, time: string): string => `"time":${Number(time) - 1000 * ago}`;
  const log = readFileSync(at(name, 'log.jsonl'), 'utf8').replaceAll(/"time":(\d+)/g, shifted);
  writeFileSync(at(name, 'log.jsonl'), log);
  const time = Date.now() / 1000 - ago;
  for (const file of ['config.yaml', 'log.jsonl', 'metrics.jsonl', 'last', 'summary.json']) {
    utimesSync(at(name, file), time, time);
  }
}

describe('relaybp runs', () => {
  it('shows state, steps, best and age, the newest first', async () => {
    copy('a', 200);
    copy('b', 5);
    copy('c', 60 * 24 * 3);
    rmSync(at('b', 'summary.json'));
    const lock = lockRun(at('b'));
    const { code, stdout } = await relaybp('runs');
    lock.release();
    expect(code).toBe(0);
    const [titles, ...rows] = stdout.trimEnd().split('\n');
    expect(titles).toMatch(/^run +state +steps +top-1 +top-5 +at step +age$/);
    expect(rows.map((row) => row.trim().split(/ {2,}/))).toEqual([
      [
        'b',
        'in progress',
        '6/6',
        expect.stringMatching(/^\d+\.\d\d %$/),
        '100.00 %',
        expect.stringMatching(/^\d$/),
        '5 min',
      ],
      ['a', 'finished', '6/6', expect.anything(), '100.00 %', expect.anything(), '3 h'],
      ['c', 'finished', '6/6', expect.anything(), '100.00 %', expect.anything(), '3 d'],
    ]);
    const json = JSON.parse((await relaybp('runs', 'runs/a', '--json')).stdout);
    const { best } = JSON.parse(readFileSync(at('a', 'summary.json'), 'utf8'));
    expect(json).toMatchObject([
      { folder: 'runs/a', state: 'finished', step: 6, totalSteps: 6, best },
    ]);
  });

  it('tells the training that --max-steps has ended before its time, as the training does', async () => {
    const on = ['--engine', 'wasm', '--max-steps'];
    const train = (...args: string[]): Promise<Outcome> => {
      return run(args, trained, { RELAYBP_CACHE_DIR: join(trained, 'cache') });
    };
    const part = join(cwd, 'runs/part');
    const { stdout } = await train('train', 'c.yaml', '--out', part, ...on, '2');
    expect(stdout).toMatch(/\ndone: 2 of 6 steps, /);
    expect(stdout).toMatch(
      /\nnext:\n.* train --resume .*part\n +the other 4 steps of the training\n/,
    );
    expect((await relaybp('runs')).stdout).toMatch(/\npart +stopped +2\/6 /);
    expect((await train('train', '--resume', part, ...on, '2')).stdout).toContain(
      'the other 4 steps',
    );
    const whole = await train('train', '--resume', part, ...on, '9');
    expect(whole.stdout).toMatch(/\ndone: 6 steps, /);
    expect(whole.stdout).not.toContain('the other');
    expect((await relaybp('runs')).stdout).toMatch(/\npart +finished +6\/6 /);
    // Logs of older versions tell only where the session was to end.
    const log = readFileSync(at('part', 'log.jsonl'), 'utf8');
    writeFileSync(at('part', 'log.jsonl'), log.replaceAll(/"wholeSteps":\d+,/g, ''));
    expect((await relaybp('runs')).stdout).toMatch(/\npart +finished +6\/6 /);
  });

  it('tells the training that was killed, the one without an evaluation, and the damaged one', async () => {
    copy('killed', 1);
    rmSync(at('killed', 'summary.json'));
    copy('begun', 2);
    for (const file of ['summary.json', 'metrics.jsonl']) rmSync(at('begun', file));
    copy('damaged', 3);
    writeFileSync(at('damaged', 'summary.json'), '{');
    const { code, stdout } = await relaybp('runs');
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nkilled +broken off +6\/6 /);
    expect(stdout).toMatch(/\nbegun +broken off +0\/6 +- +- +- /);
    expect(stdout).toMatch(/\ndamaged +damaged +6\/\? /);
    expect(stdout).toContain('runs/damaged/summary.json: not valid JSON');
  });

  it('says so where there is none', async () => {
    expect(await relaybp('runs')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^no runs/),
    });
    const { code, stderr } = await relaybp('runs', 'nowhere');
    expect(code).toBe(4);
    expect(stderr).toContain('error: nowhere: no such folder');
  });

  it('leaves out columns rather than break lines', () => {
    const listed: ListedRun = {
      folder: 'runs/scenes-tiny-relay-2026-11-24T16-29-52',
      state: 'in progress',
      step: 4440,
      totalSteps: 8880,
      best: { step: 4292, top1: 58.5, top5: 90 },
      changed: '2026-11-24T17:00:00.000Z',
      problem: null,
    };
    const now = new Date('2026-11-24T17:12:30Z');
    const row = (columns: number): string => runsLines([listed], columns, now)[1]!;
    const name = 'scenes-tiny-relay-2026-11-24T16-29-52  in progress';
    expect(row(120)).toBe(`${name}  4440/8880  58.50 %  90.00 %     4292  12 min`);
    expect(row(80)).toBe(`${name}  4440/8880  58.50 %  12 min`);
    expect(row(70)).toBe(`${name}  58.50 %  12 min`);
    expect(row(20)).toBe(row(70));
  });
});

describe('report and watch', () => {
  const runsOf = (page: string): string[] => {
    const [, data] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)!;
    const { runs } = JSON.parse(data!) as Pick<ReportData, 'runs'>;
    return runs.map(({ label }) => label);
  };

  it('take a folder of runs, and leave out one that cannot be read', async () => {
    copy('a', 1);
    copy('b', 2);
    copy('broken', 3);
    writeFileSync(at('broken', 'config.yaml'), 'version: 1\n');
    const { code, stdout } = await relaybp('report', 'runs', 'runs/a', '--images', '0');
    expect(code).toBe(0);
    expect(stdout).toContain('a run is left out: runs/broken/config.yaml');
    expect(runsOf(readFileSync(join(cwd, 'report.html'), 'utf8'))).toEqual(['a', 'b']);
    const named = await relaybp('report', 'runs/a', 'runs/broken');
    expect(named.code).toBe(2);
    const results = await relaybp('report', 'runs', '--results', 'r.csv');
    expect(results.stderr).toContain('--results: 1 file for 3 runs');
    const empty = await relaybp('report', 'runs/notes');
    expect(empty.code).toBe(4);
    expect(empty.stderr).toContain(
      'runs/notes: neither a run (it has no config.yaml) nor a folder',
    );
  });

  it('watch shows a run that begins later', async () => {
    copy('a', 1);
    const { child, outcome, stdout } = start(['watch', 'runs', '--port', '0'], cwd);
    try {
      const find = (): string | undefined =>
        /http:\/\/127\.0\.0\.1:\d+\/[\w-]+\//.exec(stdout())?.[0];
      await expect.poll(find, { timeout: 30_000 }).toBeDefined();
      const shown = async (): Promise<string[]> => {
        const { runs } = (await (await fetch(`${find()}data.json`)).json()) as {
          runs: { label: string }[];
        };
        return runs.map(({ label }) => label);
      };
      expect(await shown()).toEqual(['a']);
      copy('b', 0);
      await expect.poll(shown, { timeout: 30_000 }).toEqual(['a', 'b']);
    } finally {
      child.kill('SIGTERM');
    }
    expect(await outcome).toMatchObject({ code: 0 });
  });
});
