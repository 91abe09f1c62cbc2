/** Signals of keyboards, terminals, schedulers and limits: a training finishes its step, saves, and ends with 130. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { findCheckpoint, listCheckpoints } from '../../src/run/run-checkpoints.js';
import { colourImages } from '../support/images.js';
import { expectTidy, set, until, Workplace } from './support.js';

const BIN = join(process.cwd(), 'bin/relaybp.js');
const FOREVER = set('training={steps: 1000000, batchSize: 8, logEvery: 1 steps}');

let place: Workplace;
beforeAll(async () => {
  place = new Workplace(await colourImages());
});

const metrics = (run: string): string => {
  const file = place.at(run, 'metrics.jsonl');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};
const lastStep = (run: string): number => metrics(run).trimEnd().split('\n').length;

/** A training that is at work. */
async function training(run: string) {
  const started = place.startTrain(['--out', run, ...FOREVER]);
  await until(started.child, () => metrics(run).includes('"step":3,'));
  return started;
}

function expectSaved(run: string): void {
  openCheckpoint(findCheckpoint(place.at(run))).verify();
  expect(lastStep(run)).toBeGreaterThanOrEqual(3);
  expectTidy(place.at(run));
}

const WARNINGS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGXCPU'] as const;

describe('a training', () => {
  it.each(['SIGINT', 'SIGTERM', ...WARNINGS] as const)(
    'is saved by %s, exit 130, and no debugger is opened',
    async (signal) => {
      const { child, outcome } = await training(signal);
      child.kill(signal);
      const { code, stdout, stderr } = await outcome;
      expect({ code, stderr }).toEqual({
        code: 130,
        stderr: expect.stringMatching(/^finishing the current step.*\n$/m),
      });
      expect(stderr).not.toMatch(/[Dd]ebugger/);
      expect(stdout).toMatch(/interrupted after step \d+; go on with: /);
      expectSaved(signal);
    },
  );

  it('takes signals within half a second for one, as of a wrapper that passes Ctrl-C on', async () => {
    // A long step: its end comes long after the second signal.
    const run = 'twice';
    const { child, outcome } = place.startTrain([
      ...['--out', run, ...FOREVER],
      ...set('training.batchSize=1024', 'training.microBatch=8'),
    ]);
    await until(child, () => metrics(run).includes('"step":1,'));
    for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM', 'SIGINT'] as const) {
      child.kill(signal);
      await sleep(60);
    }
    expect(await outcome).toMatchObject({ code: 130, signal: null });
    expectTidy(place.at(run));
    openCheckpoint(findCheckpoint(place.at(run))).verify();
  });

  it('ends at once by a second Ctrl-C later on', async () => {
    const run = 'at-once';
    const { child, outcome } = place.startTrain([
      ...['--out', run, ...FOREVER],
      ...set('training.batchSize=8192', 'training.microBatch=8'),
    ]);
    let said = '';
    child.stderr!.on('data', (chunk) => {
      said += chunk;
    });
    await until(child, () => existsSync(place.at(run, 'metrics.jsonl')));
    await sleep(200);
    child.kill('SIGINT');
    await until(child, () => said.includes('finishing the current step'));
    await sleep(700);
    child.kill('SIGINT');
    expect(await outcome).toMatchObject({ code: null, signal: 'SIGINT' });
    expect(listCheckpoints(place.at(run))).toEqual([]);
  });

  it('is not ended by warnings that are repeated while it finishes', async () => {
    const run = 'warned';
    const { child, outcome, stdout } = place.startTrain([
      ...['--out', run, ...FOREVER],
      ...set('training.batchSize=2048', 'training.microBatch=8'),
    ]);
    await until(child, () => metrics(run).includes('"step":1,'));
    let ended = false;
    void outcome.then(() => {
      ended = true;
    });
    // What comes later, when all is saved and Node.js is taking itself apart, has the system's own handling.
    for (let i = 0; !ended && !stdout().includes('interrupted after step'); i++) {
      child.kill(WARNINGS[i % WARNINGS.length]!);
      await sleep(150);
    }
    expect(await outcome).toMatchObject({ code: 130, signal: null });
    openCheckpoint(findCheckpoint(place.at(run))).verify();
  });

  const shell = (script: string): ChildProcess =>
    spawn('bash', ['-c', script, process.execPath, BIN, 'train', 'c.yaml', ...FOREVER], {
      cwd: place.cwd,
      env: { ...process.env, ...place.env },
      stdio: ['ignore', 'ignore', 'ignore'],
    });

  it.each([
    ['nohup', 'nohup "$0" "$@" --engine wasm --out RUN & echo $! > RUN.pid; wait $!'],
    [
      'a script under nohup',
      `nohup bash -c '"$0" "$@" --engine wasm --out RUN & echo $! > RUN.pid; wait $!' "$0" "$@"`,
    ],
    [
      'nohup at a terminal, which takes stdin away',
      'unset _; exec 0> /dev/null; echo $$ > RUN.pid; exec env -u _ "$0" "$@" --engine wasm --out RUN',
    ],
  ])('goes on at SIGHUP under %s', async (name, script) => {
    const run = name.replaceAll(/\W+/g, '-');
    const child = shell(script.replaceAll('RUN', run));
    const outcome = new Promise<number | null>((resolve) => {
      child.on('close', (code) => resolve(code));
    });
    await until(child, () => metrics(run).includes('"step":3,'));
    const pid = Number(readFileSync(place.at(`${run}.pid`), 'utf8'));
    const before = lastStep(run);
    process.kill(pid, 'SIGHUP');
    await until(child, () => lastStep(run) > before + 20);
    process.kill(pid, 'SIGTERM');
    expect(await outcome).toBe(130);
    expectSaved(run);
  });
});

describe('another command', () => {
  it('ends by SIGUSR1 as by any signal, and opens no debugger', async () => {
    const { child, outcome, stdout } = place.start(['watch', 'SIGINT', '--port', '0']);
    await until(child, () => stdout().includes('watching'));
    child.kill('SIGUSR1');
    const { signal, stderr } = await outcome;
    expect({ signal, stderr }).toEqual({ signal: 'SIGUSR1', stderr: '' });
  });
});
