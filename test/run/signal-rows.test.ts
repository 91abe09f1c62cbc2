/** signals.jsonl: which rows a training that goes on finds, and measures no second time. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findSignals, readSignals } from '../../src/run/rows.js';
import { RunFolder } from '../../src/run/run-folder.js';
import type { SignalRow } from '../../src/run/signal-row.js';
import { folderWith } from '../support/configs.js';

const LOSSES = { all: ['primary'], changing: [] };
const CONFIGS = { before: '', now: '' };

const rowAt = (step: number): SignalRow => ({
  format: 'relaybp-signals',
  version: 1,
  step,
  epoch: step / 2,
  batches: 3,
  batchSize: 8,
  groups: 3,
  keptBytes: 96,
  losses: [{ name: 'primary', tap: 'pool1', bottom: null, weight: 1 }],
  layers: [
    {
      layer: 'conv1_1',
      segment: 'seg1',
      parameters: 8,
      weight: 0.5,
      byLoss: {
        primary: {
          inRange: false,
          signalToNoise: { value: null, low: null, high: null },
          mean: 0,
          spread: 0,
          magnitude: { value: 0, low: 0, high: 0 },
        },
      },
      pairs: [],
    },
  ],
});

test('rows past the checkpoint are measured again, and no others', () => {
  const path = folderWith({});
  const run = RunFolder.create(path, '', LOSSES);
  expect(run.hasSignals(0)).toBe(false);
  for (const step of [0, 2, 4]) run.appendSignals(rowAt(step));
  expect(run.hasSignals(4)).toBe(true);
  expect(readSignals(path)).toEqual([0, 2, 4].map(rowAt));
  const at = (step: number): RunFolder =>
    RunFolder.resume(path, CONFIGS, LOSSES, { step, evaluated: step });
  expect(at(4).hasSignals(4)).toBe(true);
  const earlier = at(3);
  expect(readSignals(path)).toEqual([0, 2].map(rowAt));
  expect([2, 3, 4].map((step) => earlier.hasSignals(step))).toEqual([true, false, false]);
});

test('a row that is torn, of another version or out of bounds is left out', () => {
  const path = folderWith({});
  const line = (row: object): string => `${JSON.stringify(row)}\n`;
  const file = join(path, 'signals.jsonl');
  const rows = [rowAt(0), { ...rowAt(2), version: 2 }, { ...rowAt(4), epoch: 1e300 }];
  writeFileSync(file, `${rows.map(line).join('')}{"format":"relaybp-sig`);
  expect(findSignals(path)).toEqual({ rows: [rowAt(0)], damaged: 2 });
  const run = RunFolder.resume(path, CONFIGS, LOSSES, { step: 2, evaluated: 2 });
  expect(run.hasSignals(2)).toBe(false);
  expect(readFileSync(file, 'utf8')).toBe(line(rowAt(0)));
});
