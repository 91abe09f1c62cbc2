import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { CheckpointError } from '../../src/errors.js';
import {
  type CheckpointTensors,
  openCheckpoint,
  writeCheckpoint,
} from '../../src/run/checkpoint.js';
import type { CheckpointState } from '../../src/run/checkpoint-state.js';
import {
  findCheckpoint,
  listCheckpoints,
  pointTo,
  pruneCheckpoints,
} from '../../src/run/run-checkpoints.js';
import { removeStaleFiles } from '../../src/run/tidy.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';

const state = (step: number): CheckpointState => ({
  formatVersion: 1,
  relaybp: '0.0.0',
  step,
  evaluated: 0,
  epoch: step / 10,
  position: step * 8,
  seed: 1,
  schedule: { scale: 1, best: null, waited: 0 },
  best: null,
  rested: {},
  classes: ['a', 'b', 'c'],
  engine: { name: 'wasm', library: 'test', device: 'cpu', precision: 'float32' },
  config: parseConfig(SMALL_CONFIG, 'test').config,
  paces: [{ step: 0, position: 0, epoch: 0, stepsPerEpoch: 3, batchSize: 8, images: 23 }],
  written: { 'data.root': '${PHOTOS:-data/small}' },
});

const tensors = (value: number): CheckpointTensors => ({
  weights: new Map([['w', { shape: [2], values: Float32Array.of(value, value) }]]),
  optimizer: new Map(),
  normalization: new Map([['mean', { shape: [3], values: Float32Array.of(1, 2, 3) }]]),
});

let run: string;
beforeEach(() => {
  run = folderWith({});
});

const write = (step: number): string => writeCheckpoint(run, state(step), tensors(step));

describe('a checkpoint', () => {
  it('reads back as it was written', () => {
    const path = write(5);
    expect(path).toBe(join(run, 'checkpoints', 'step-5'));
    expect(openCheckpoint(path).state).toEqual(state(5));
    expect(openCheckpoint(path).tensors('weights')).toEqual(tensors(5).weights);
    expect(openCheckpoint(path).tensors('optimizer').size).toBe(0);
  });

  it('replaces one of the same step', () => {
    write(5);
    writeCheckpoint(run, state(5), tensors(9));
    expect(
      openCheckpoint(findCheckpoint(join(run, 'checkpoints/step-5'))).tensors('weights'),
    ).toEqual(tensors(9).weights);
  });

  it('that cannot be written says so and leaves nothing half-written', () => {
    write(5);
    const target = join(run, 'checkpoints');
    const broken = { ...state(6), step: 6 };
    const bad = { ...tensors(1), optimizer: null as unknown as CheckpointTensors['optimizer'] };
    expect(() => writeCheckpoint(run, broken, bad)).toThrow(
      /step-6: the checkpoint could not be written/,
    );
    expect(listCheckpoints(run)).toEqual(['step-5']);
    expect(existsSync(join(target, `.writing-step-6-${process.pid}`))).toBe(false);
  });

  it('is found by run, by pointer, and by its own path', () => {
    const [five, ten] = [write(5), write(10)];
    pointTo(run, 'last', ten);
    pointTo(run, 'best', five);
    expect(findCheckpoint(run)).toBe(ten);
    expect(findCheckpoint(run, 'best')).toBe(five);
    expect(findCheckpoint(join(run, 'best'))).toBe(five);
    expect(findCheckpoint(ten)).toBe(ten);
    expect(readFileSync(join(run, 'last'), 'utf8')).toBe('checkpoints/step-10\n');
  });

  it('falls back to last where there is no best', () => {
    pointTo(run, 'last', write(5));
    expect(findCheckpoint(run, 'best')).toBe(join(run, 'checkpoints/step-5'));
  });

  it('that is not there is named', () => {
    expect(() => findCheckpoint(run)).toThrow(
      /neither a checkpoint \(no state\.json\) nor a run folder/,
    );
    pointTo(run, 'last', join(run, 'checkpoints/step-7'));
    expect(() => findCheckpoint(run)).toThrow(/step-7, which is not a whole checkpoint/);
  });

  it('keeps the newest and those that are pointed to', () => {
    for (const step of [2, 10, 9, 30]) write(step);
    pointTo(run, 'best', join(run, 'checkpoints/step-2'));
    pointTo(run, 'last', join(run, 'checkpoints/step-30'));
    pruneCheckpoints(run, 2);
    expect(listCheckpoints(run)).toEqual(['step-2', 'step-10', 'step-30']);
  });

  it('leftovers of an interrupted write are removed', () => {
    write(1);
    mkdirSync(join(run, 'checkpoints/.writing-step-2-77'));
    writeFileSync(join(run, 'last.0a0a0a0a.tmp'), '');
    removeStaleFiles(run);
    expect(existsSync(join(run, 'checkpoints/.writing-step-2-77'))).toBe(false);
    expect(existsSync(join(run, 'last.0a0a0a0a.tmp'))).toBe(false);
    expect(listCheckpoints(run)).toEqual(['step-1']);
  });
});

describe('damage', () => {
  it('of the weights is told by size, and by checksum', () => {
    const file = join(write(5), 'weights.safetensors');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(file, bytes);
    const read = () => openCheckpoint(join(run, 'checkpoints/step-5')).tensors('weights');
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(/weights\.safetensors: its SHA-256 differs/);
    truncateSync(file, bytes.length - 3);
    expect(read).toThrow(
      /weights\.safetensors: has \d+ bytes, state\.json says \d+: truncated or replaced/,
    );
  });

  it.each([
    ['{', /state\.json: not valid JSON/],
    ['{"formatVersion": 2}', /state\.json: formatVersion: /],
    ['{"formatVersion": 1}', /state\.json: relaybp: /],
  ])('of the state: %s', (text, message) => {
    const path = write(5);
    writeFileSync(join(path, 'state.json'), text);
    expect(() => openCheckpoint(path).state).toThrow(
      /state\.json: its SHA-256 differs .*damaged or edited/,
    );
    rmSync(join(path, 'state.sha256'));
    expect(() => openCheckpoint(path).state).toThrow(message);
  });
});
