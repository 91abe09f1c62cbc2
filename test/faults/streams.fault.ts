/** Output that fails: its reader ends, its disk fills up. What a command is doing goes on, and its exit code stays. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { findCheckpoint, listCheckpoints } from '../../src/run/run-checkpoints.js';
import { colourImages } from '../support/images.js';
import { expectTidy, injecting, SHORT, set, until, Workplace } from './support.js';

const BIN = join(process.cwd(), 'bin/relaybp.js');
const FOREVER = set('training={steps: 1000000, batchSize: 8, logEvery: 1 steps}');

let images: string;
let place: Workplace;
beforeAll(async () => {
  images = await colourImages();
  place = new Workplace(images);
  expect(await place.train(['--out', 'run', '--max-steps', '2'])).toMatchObject({ code: 0 });
});

/** Ends once the child has closed its streams too. @returns exit code or signal, and what came through pipes */
function ended(child: ChildProcess): Promise<{ code: number | string; text: string }> {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      text += chunk;
    });
  }
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code: signal ?? code!, text }));
  });
}

/** What stands in the place of a stream; `closed` is a pipe whose reader is gone as soon as `cut` is called. */
type Fault = 'closed' | 'full';
const FAULTS: readonly Fault[] = ['closed', 'full'];
const STREAMS = { stdout: [1], stderr: [2], 'stdout and stderr': [1, 2] } as const;
type Streams = keyof typeof STREAMS;

/** Starts relaybp with these streams faulty and the others as pipes. */
function start(args: readonly string[], streams: Streams, fault: Fault) {
  const full = fault === 'full' ? openSync('/dev/full', 'w') : null;
  const kind = (descriptor: 1 | 2): 'pipe' | number =>
    (STREAMS[streams] as readonly number[]).includes(descriptor) ? (full ?? 'pipe') : 'pipe';
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: place.cwd,
    env: { ...process.env, ...place.env },
    stdio: ['ignore', kind(1), kind(2)],
  });
  if (full !== null) closeSync(full);
  const cut = (): void => {
    if (fault === 'full') return;
    for (const descriptor of STREAMS[streams]) child.stdio[descriptor]?.destroy();
  };
  return { child, cut };
}

const ALL = Object.keys(STREAMS).flatMap((streams) =>
  FAULTS.map((fault) => [streams as Streams, fault] as const),
);
const COMBINATIONS: readonly (readonly [Streams, Fault])[] = SHORT
  ? [
      ['stdout', 'full'],
      ['stderr', 'full'],
      ['stdout and stderr', 'closed'],
    ]
  : ALL;
const SIGNALS = SHORT ? (['SIGTERM'] as const) : (['SIGINT', 'SIGTERM'] as const);

describe('a training', () => {
  it.each(
    COMBINATIONS.flatMap(([streams, fault]) =>
      SIGNALS.map((signal) => [streams, fault, signal] as const),
    ),
  )('with %s %s is saved by %s, exit 130', async (streams, fault, signal) => {
    const run = place.at('stopped');
    rmSync(run, { recursive: true, force: true });
    const args = ['train', 'c.yaml', '--engine', 'wasm', '--out', 'stopped', ...FOREVER];
    const { child, cut } = start(args, streams, fault);
    const outcome = ended(child);
    const log = join(run, 'metrics.jsonl');
    await until(child, () => existsSync(log) && readFileSync(log, 'utf8').includes('"step":3,'));
    cut();
    child.kill(signal);
    const { code, text } = await outcome;
    expect({ code, text }).toMatchObject({ code: 130 });
    openCheckpoint(findCheckpoint(run)).verify();
    expectTidy(run);
    const resumed = await place.train(['--resume', 'stopped', '--max-steps', '4']);
    expect(resumed.stderr).not.toMatch(/lock|error/);
  });

  it('under `2>&1 | tee`, which dies of the same Ctrl-C', async () => {
    const script = `"$0" "$1" train c.yaml --engine wasm --out teed "\${@:2}" 2>&1 | tee log.txt > /dev/null; exit \${PIPESTATUS[0]}`;
    const child = spawn('bash', ['-c', script, process.execPath, BIN, ...FOREVER], {
      cwd: place.cwd,
      env: { ...process.env, ...place.env },
      detached: true, // a group of its own, as a terminal's foreground is
      stdio: 'ignore',
    });
    const outcome = ended(child);
    const log = place.at('log.txt');
    await until(child, () => existsSync(log) && readFileSync(log, 'utf8').includes('step 3/'));
    process.kill(-child.pid!, 'SIGINT');
    // bash itself ends by the signal, once what it waits for has ended.
    expect(['SIGINT', 130]).toContain((await outcome).code);
    openCheckpoint(findCheckpoint(place.at('teed'))).verify();
    expectTidy(place.at('teed'));
  });

  it.each(COMBINATIONS)(
    'with %s %s from the start goes on to its end, exit 0',
    async (streams, fault) => {
      const run = place.at('through');
      rmSync(run, { recursive: true, force: true });
      const args = ['train', 'c.yaml', '--engine', 'wasm', '--out', 'through', '--max-steps', '6'];
      const { child, cut } = start(args, streams, fault);
      cut();
      expect(await ended(child)).toMatchObject({ code: 0 });
      expect(listCheckpoints(run)).toContain('step-6');
      expectTidy(run);
    },
  );

  it('whose log cannot be written says so once, and is saved by SIGTERM all the same', async () => {
    mkdirSync(place.at('logless'));
    const log = place.at('logless', 'log.jsonl');
    const { child, outcome, stdout } = place.startTrain(['--out', 'logless', ...FOREVER], {
      under: injecting({ folder: log, room: 300 }),
    });
    await until(child, () => stdout().includes('step 9/'));
    child.kill('SIGTERM');
    const { code, stdout: text } = await outcome;
    expect(code).toBe(130);
    expect(text.match(/log\.jsonl: cannot be written: .*; going on without the log/g)).toHaveLength(
      1,
    );
    openCheckpoint(findCheckpoint(place.at('logless'))).verify();
  });
});

describe('a command', () => {
  const wasm = ['--engine', 'wasm'];
  /** Arguments, what they write to `out`, and the exit code where nothing fails. */
  const COMMANDS: readonly [string, readonly string[], string | null, number][] = [
    ['plan', ['plan', 'c.yaml'], null, 0],
    ['plan --json', ['plan', 'c.yaml', '--json'], null, 0],
    ['plan --print-config', ['plan', 'c.yaml', '--print-config'], null, 0],
    ['train --print-config', ['train', 'c.yaml', '--print-config'], null, 0],
    ['plan of a file that is not there', ['plan', 'nosuch.yaml'], null, 2],
    ['usage', ['plan', '--nonsense'], null, 2],
    ['help', ['--help'], null, 0],
    ['version', ['--version'], null, 0],
    ['schema', ['schema'], null, 0],
    ['completion', ['completion', 'bash'], null, 0],
    ['engine status', ['engine', 'status'], null, 0],
    ['eval', ['eval', 'run', ...wasm, '--results', 'out/r.csv'], 'r.csv', 0],
    [
      'eval --json',
      ['eval', 'run', ...wasm, '--json', '--scores', 'out/s.safetensors'],
      's.safetensors',
      0,
    ],
    ['compare', ['compare', 'run', 'run', ...wasm], null, 0],
    ['predict', ['predict', 'run', 'IMAGES', ...wasm], null, 0],
    ['predict of nothing', ['predict', 'run', 'nowhere.jpg', ...wasm], null, 3],
    ['report', ['report', 'run', '--out', 'out/r.html'], 'r.html', 0],
    ['data check', ['data', 'check', 'IMAGES', '--fix-list', 'out/l.txt'], null, 0],
    ['data stats', ['data', 'stats', 'c.yaml', '--mean', 'out/m.png'], 'm.png', 0],
    ['data preview', ['data', 'preview', 'c.yaml', '--out', 'out/p.png'], 'p.png', 0],
    ['data prepare', ['data', 'prepare', 'c.yaml', '--out', 'out/d'], 'd', 0],
    ['grad', ['grad', 'c.yaml', ...wasm, '--out', 'out/g.safetensors'], 'g.safetensors', 0],
    [
      'export',
      ['export', 'run', ...wasm, '--format', 'safetensors', '--out', 'out/e.safetensors'],
      'e.safetensors',
      0,
    ],
    ['bench', ['bench', 'c.yaml', ...wasm, '--steps', '1', '--warmup', '0'], null, 0],
    ['init', ['init', 'IMAGES', '--out', 'out/i.yaml'], 'i.yaml', 0],
    ['a checkpoint that is not there', ['eval', 'nowhere', ...wasm], null, 4],
  ];

  /** A reader that has had enough is no fault; a full disk is one where what is printed matters. */
  const expected = (code: number, streams: Streams, fault: Fault): number =>
    code === 0 && fault === 'full' && streams !== 'stderr' ? 1 : code;

  it.each(COMMANDS)(
    '%s, with any stream closed or full: its work is done, its code stays',
    async (name, args, file, code) => {
      const mine = COMMANDS.findIndex(([other]) => other === name) % COMBINATIONS.length;
      for (const [streams, fault] of SHORT ? [COMBINATIONS[mine]!] : COMBINATIONS) {
        rmSync(place.at('out'), { recursive: true, force: true });
        mkdirSync(place.at('out'));
        const given = args.map((one) => (one === 'IMAGES' ? images : one));
        const { child, cut } = start(given, streams, fault);
        cut();
        const { code: found, text } = await ended(child);
        expect(found, `${streams} ${fault}: ${text}`).toBe(expected(code, streams, fault));
        if (file) expect(existsSync(place.at('out', file)), `${streams} ${fault}`).toBe(true);
        if (found === 1 && streams === 'stdout') {
          expect(text).toMatch(/error: the output cannot be written: .*no space left/);
        }
      }
    },
  );

  it('predict ends early where nobody reads it any more', async () => {
    const many = Array<string>(4000).fill(join(images, 'val'));
    const script = '"$0" "$@" | head -n 1; exit ${PIPESTATUS[0]}';
    const child = spawn(
      'bash',
      ['-c', script, process.execPath, BIN, 'predict', 'run', ...many, ...wasm],
      {
        cwd: place.cwd,
        env: { ...process.env, ...place.env },
      },
    );
    const { code, text } = await ended(child);
    expect(code).toBe(0);
    expect(text.trim().split('\n')).toHaveLength(1);
  });
});
