import { describe, expect, it } from 'vitest';
import { describeDifference, differences } from '../../src/config/differences.js';
import { parseConfig } from '../../src/config/load.js';
import { SMALL_CONFIG } from '../support/configs.js';

const config = (...set: string[]) => parseConfig(SMALL_CONFIG, 'c.yaml', set).config;
const lines = (before: string[], after: string[]): string[] =>
  differences(config(...before), config(...after)).map(describeDifference);
const from = (...set: string[]): string[] => lines([], set);

describe('differences of two configs', () => {
  it('are none where they are equal, in whatever order their keys are', () => {
    expect(from()).toEqual([]);
    expect(from('optimizer={weightDecay: 0.0005, lr: 0.02}')).toEqual([]);
    expect(from('schedule={type: constant}')).toEqual([]); // the default
  });

  it('are named as --set names them, items of lists by their names', () => {
    expect(
      from('training.batchSize=16', 'losses.auxiliary.weight=1', 'data.sampler=shuffle'),
    ).toEqual([
      'data.sampler: "class-aware" -> "shuffle"',
      'losses.auxiliary.weight: 0.3 -> 1',
      'training.batchSize: 8 -> 16',
    ]);
    expect(from('model.segments.seg1.layers.0.conv.filters=5')).toEqual([
      'model.segments.seg1.layers.0.conv.filters: 4 -> 5',
    ]);
    expect(from('losses.primary.range={layers: 2}')).toEqual([
      'losses.primary.range.downTo: "seg2" -> none',
      'losses.primary.range.layers: none -> 2',
    ]);
    expect(from('data.mean=[1, 2, 3]')).toEqual(['data.mean: "channel" -> [1,2,3]']);
  });

  it('are one line for an item or a key that only one has, and for a mapping of another type', () => {
    expect(from('losses.auxiliary.remove=true')).toEqual([
      expect.stringMatching(/^losses\.auxiliary: \{"name":"auxiliary",.*…? -> none$/),
    ]);
    expect(from('training={steps: 40}')).toEqual([
      'training.epochs: 2 -> none',
      'training.steps: none -> 40',
    ]);
    expect(from('schedule={type: cosine, warmup: 2}')).toEqual([
      'schedule: {"type":"constant","warmup":0,"per":"step"} -> {"type":"cosine","warmup":2,"per":"step","over":"rest","minimum":0}',
    ]);
    expect(from('data.sampler={kind: power, q: 0.5}')).toEqual([
      'data.sampler: "class-aware" -> {"kind":"power","q":0.5,"epochSize":"images"}',
    ]);
  });

  it('see another order of items, and another kind of layer in a place', () => {
    const { losses, ...rest } = config();
    expect(differences({ losses, ...rest }, { ...rest, losses: [...losses].reverse() })).toEqual([
      { key: 'losses', before: ['primary', 'auxiliary'], after: ['auxiliary', 'primary'] },
    ]);
    const other = SMALL_CONFIG.replace('maxpool: {size: 2}', 'avgpool: {size: 2}');
    const found = differences(config(), parseConfig(other, 'c.yaml').config);
    expect(found.map(describeDifference)).toEqual([
      expect.stringMatching(/^model\.segments\.seg1\.layers\.1\.maxpool: .* -> none$/),
      expect.stringMatching(/^model\.segments\.seg1\.layers\.1\.avgpool: none -> /),
    ]);
  });
});
