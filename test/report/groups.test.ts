/** Which runs a page shows as the seeds of one config, and how it calls them. */
import { describe, expect, it } from 'vitest';
import { groupsOf } from '../../src/report/groups.js';

const runOf = (label: string, settings: Record<string, unknown>) => ({
  label,
  settings: Object.fromEntries(
    Object.entries({ name: 'config', 'optimizer.lr': 0.1, ...settings }).map(([key, value]) => {
      return [key, JSON.stringify(value)];
    }),
  ),
});

describe('groups', () => {
  it('hold runs that differ by seed alone, wherever they stand', () => {
    const runs = [
      runOf('relay-seed1', { seed: 1 }),
      runOf('bp', { seed: 1, 'losses.primary.weight': 1 }),
      runOf('relay-seed2', { seed: 2, name: 'another-name' }),
      runOf('relay-lr-seed3', { seed: 3, 'optimizer.lr': 0.2 }),
      runOf('relay-seed30', { seed: 30 }),
    ];
    expect(groupsOf(runs)).toEqual([
      { label: 'relay', runs: [0, 2, 4] },
      { label: 'bp', runs: [1] },
      { label: 'relay-lr-seed3', runs: [3] },
    ]);
  });

  it('do not count the same seed twice', () => {
    const runs = [1, 1, 2, 2, 2].map((seed, i) => runOf(`r${i}`, { seed }));
    expect(groupsOf(runs).map((group) => group.runs)).toEqual([[0, 2], [1, 3], [4]]);
  });

  it.each([
    [['small-2026-01-31T12-00-00', 'small-2026-01-31T12-10-00'], 'small'],
    [['relay_s1', 'relay_s2'], 'relay'],
    [['relay-1', 'relay-10'], 'relay'],
    [['classes1', 'classes2'], 'classes'],
    [['seed1', 'seed2'], 'config'],
    [['1', '2'], 'config'],
    [['a', 'b'], 'config'],
  ])('%j are called %s', (labels, label) => {
    const runs = labels.map((each, seed) => runOf(each, { seed }));
    expect(groupsOf(runs)).toEqual([{ label, runs: [0, 1] }]);
  });

  it('have labels of their own', () => {
    const runs = [
      runOf('x1', { seed: 1 }),
      runOf('x2', { seed: 2 }),
      runOf('x', { seed: 1, 'optimizer.lr': 0.2 }),
      runOf('x3', { seed: 1, 'optimizer.lr': 0.3 }),
      runOf('x4', { seed: 2, 'optimizer.lr': 0.3 }),
    ];
    expect(groupsOf(runs).map(({ label }) => label)).toEqual(['x (2)', 'x', 'x (3)']);
  });
});
