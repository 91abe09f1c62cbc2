import { createColors } from 'picocolors';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { planExperiment } from '../../src/experiment/experiment-plan.js';
import { planTable } from '../../src/plan/plan-table.js';
import { SMALL_CONFIG } from '../support/configs.js';

const plan = planExperiment(parseConfig(SMALL_CONFIG, 'c.yaml'));
const table = (columns?: number): string =>
  planTable(plan, createColors(false), columns === undefined ? {} : { columns });
/** The lines of the layers, the header first. */
const layers = (text: string): string[] => text.split('\n\n')[1]!.split('\n');
const widest = (text: string): number =>
  Math.max(...layers(text).map((line) => line.trimEnd().length));

describe('the layers', () => {
  const whole = widest(table());

  test('are shown whole where there is room for the names of the losses', () => {
    expect(table(whole)).toBe(table());
    expect(table()).toMatch(/multiply-adds {2}primary {2}auxiliary\n/);
    expect(table()).not.toContain('--json');
  });

  test.each([
    ['multiply-adds', whole - 1, 'parameters  primary  auxiliary'],
    ['parameters and multiply-adds', 60, 'output   primary  auxiliary'],
  ])('leave out %s in %d columns, and say so', (left, columns, header) => {
    const text = table(columns);
    expect(widest(text)).toBeLessThanOrEqual(columns);
    expect(layers(text)[0]).toContain(header);
    expect(text).toContain(`\n\n${left} of each layer: in ${whole} columns, or by --json\n`);
    const bars = (of: string): number => of.split('█').length;
    expect(bars(text)).toBe(bars(table()));
  });
});
