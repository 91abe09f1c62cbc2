import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { maskedCrc } from '../../src/masked-crc.js';
import type { MetricsRow } from '../../src/run/rows.js';
import { cutEvents, EventFile } from '../../src/train/event-file.js';
import {
  DT_STRING,
  decodeEvent,
  type Event,
  encodeEvent,
  SESSION_START,
} from '../../src/train/event-proto.js';
import { readRecords, record } from '../../src/train/event-records.js';
import { TensorBoard } from '../../src/train/tensorboard.js';

const fixture = fileURLToPath(new URL('../fixtures/events.tfevents', import.meta.url));

/** What scripts/reference-events.py has the tensorboard package write. */
const EVENTS: Event[] = [
  { wallTime: 1700000000.25, fileVersion: 'brain.Event:2' },
  { wallTime: 1700000001.5, step: 4, sessionLog: { status: SESSION_START } },
  {
    wallTime: 1700000002.5,
    step: 4,
    summary: {
      value: [
        {
          tag: 'config',
          metadata: { pluginData: { pluginName: 'text' } },
          tensor: {
            dtype: DT_STRING,
            tensorShape: { dim: [{ size: 1 }] },
            stringVal: [Buffer.from('    name: äöü')],
          },
        },
      ],
    },
  },
  {
    wallTime: 1700000003.125,
    step: 5_000_000_000,
    summary: {
      value: [
        { tag: 'loss/primary', simpleValue: 0.1 },
        { tag: 'error/top1_err', simpleValue: 0 },
      ],
    },
  },
];

test('records and events are byte for byte those of the tensorboard package', () => {
  const written = Buffer.concat(EVENTS.map((event) => record(encodeEvent(event))));
  expect(written.toString('hex')).toBe(readFileSync(fixture).toString('hex'));
});

test('the checksum is CRC-32C, masked', () => {
  // The check value of CRC-32C is 0xe3069283; rotated right by 15 and with the constant added:
  expect(maskedCrc(Buffer.from('123456789'))).toBe(0xc78ab0e5);
});

test('a file that goes on sorts after the ones that are there', () => {
  const folder = mkdtempSync(join(tmpdir(), 'relaybp-events-'));
  const later = Math.floor(Date.now() / 1000) + 100;
  writeFileSync(join(folder, `events.out.tfevents.${later}.host.1`), '');
  new EventFile(folder);
  new EventFile(folder);
  const names = readdirSync(folder).sort();
  expect(names.map((name) => Number(name.split('.')[3]))).toEqual([later, later + 1, later + 2]);
  expect(readFileSync(join(folder, names[1]!)).includes('brain.Event:2')).toBe(true);
});

/** The steps of the summaries in a file, and of its marks. */
function stepsOf(path: string): { summaries: number[]; marks: number[] } {
  const events = [...readRecords(readFileSync(path))].map(decodeEvent);
  return {
    summaries: events.flatMap(({ summary, step }) => (summary ? [step ?? 0] : [])),
    marks: events.flatMap(({ sessionLog, step }) => (sessionLog ? [step ?? 0] : [])),
  };
}

/** A folder with one event file: a mark, and a value of each step. */
function written(steps: number): { folder: string; path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'relaybp-events-'));
  const file = new EventFile(folder);
  file.append({ step: 0, sessionLog: { status: SESSION_START } });
  for (let step = 1; step <= steps; step++) {
    file.append({ step, summary: { value: [{ tag: 'loss', simpleValue: step }] } });
  }
  return { folder, path: join(folder, readdirSync(folder)[0]!) };
}

test('what files hold past a step is taken out of them, and nothing else', () => {
  const { folder, path } = written(9);
  const whole = readFileSync(path);
  cutEvents(folder, 9);
  expect(readFileSync(path).equals(whole)).toBe(true);
  cutEvents(folder, 4);
  expect(stepsOf(path)).toEqual({ summaries: [1, 2, 3, 4], marks: [0] });
  expect(whole.subarray(0, readFileSync(path).length).equals(readFileSync(path))).toBe(true);
});

test('of a torn file the whole records are kept; other files are not touched', () => {
  const { folder, path } = written(9);
  writeFileSync(path, readFileSync(path).subarray(0, -5));
  const other = join(folder, 'events.out.tfevents.0000000001.other');
  writeFileSync(join(folder, 'profile'), 'x');
  writeFileSync(other, 'of another program');
  cutEvents(folder, 100);
  expect(stepsOf(path).summaries).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(readFileSync(join(folder, 'profile'), 'utf8')).toBe('x');
  expect(readFileSync(other, 'utf8')).toBe('of another program');
});

test('a pipe in place of an event file is refused, not waited for', () => {
  const folder = mkdtempSync(join(tmpdir(), 'relaybp-events-'));
  const path = join(folder, 'events.out.tfevents.0000000001.host.1');
  execFileSync('mkfifo', [path]);
  expect(() => cutEvents(folder, 1)).toThrow(`${path}: cannot be read: it is no regular file`);
});

test('both files of a run begin with a mark: at step 0, and after a resume past its checkpoint', () => {
  const run = mkdtempSync(join(tmpdir(), 'relaybp-events-'));
  const row = (kind: 'train' | 'val', step: number): MetricsRow => {
    return { kind, step, epoch: step, top1: step };
  };
  const first = new TensorBoard(null, 'config');
  first.start({ run });
  for (let step = 1; step <= 6; step++) first.metrics(row('train', step));
  for (const step of [2, 4, 6]) first.metrics(row('val', step));
  const again = new TensorBoard({ step: 5, evaluated: 4 }, 'config');
  again.start({ run });
  for (let step = 6; step <= 7; step++) again.metrics(row('train', step));
  const all = (kind: string) =>
    readdirSync(join(run, 'tensorboard', kind))
      .sort()
      .map((name) => stepsOf(join(run, 'tensorboard', kind, name)));
  expect(all('train')).toEqual([
    { summaries: [0, 1, 2, 3, 4, 5], marks: [0] },
    { summaries: [5, 6, 7], marks: [6] },
  ]);
  expect(all('val')).toEqual([
    { summaries: [2, 4], marks: [0] },
    { summaries: [], marks: [5] },
  ]);
});
