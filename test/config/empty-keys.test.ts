import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { ConfigError } from '../../src/errors.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';

const load = (files: Record<string, string>, overrides: string[] = []) =>
  loadConfig(join(folderWith(files), 'main.yaml'), overrides);

function problem(files: Record<string, string> | string, overrides: string[] = []) {
  try {
    load(typeof files === 'string' ? { 'main.yaml': files } : files, overrides);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const { message, hint } = error as ConfigError;
    return { message: message.replaceAll(/\S*relaybp-test-\w+\//g, ''), hint };
  }
  throw new Error('the config was accepted');
}

describe('a key without a value', () => {
  const derived = (text: string) => ({
    'base.yaml': SMALL_CONFIG,
    'main.yaml': `extends: base.yaml\n${text}`,
  });

  it.each([
    ['training:\n  batchsize:\n', 'main.yaml:3:3: training.batchsize', 'batchSize'],
    ['optimiser:\n', 'main.yaml:2:1: optimiser', 'optimizer'],
    ['losses: [{name: primary, wieght: null}]\n', 'main.yaml:2:26: losses[0].wieght', 'weight'],
    ['losses: [{name: primary, range: {downto: ~}}]\n', 'losses[0].range.downto', 'downTo'],
    ['schedule: {type: cosine, gamma: }\n', 'main.yaml:2:26: schedule.gamma', 'valid keys here'],
    ['data: {sampler: {kind: power, p: null}}\n', 'data.sampler.p', 'q'],
    [
      'model: {segments: [{name: seg1, layers: [{conv: {filters: 4, kernel: 3, strides: }}]}]}\n',
      'model.segments[0].layers[0].conv.strides',
      'stride',
    ],
    ['model: {defaults: {conv: {bais: }}}\n', 'model.segments[0].layers[0].conv.bais', 'bias'],
  ])('is an unknown key where the schema has none: %j', (text, place, near) => {
    const { message } = problem(derived(text));
    expect(message).toContain(`${place}: unknown key`);
    expect(message).toContain(near);
  });

  it('of --set too', () => {
    for (const override of ['training.batchsize=', 'training.batchsize=null']) {
      expect(problem(SMALL_CONFIG, [override]).message).toBe(
        `--set ${override}: training.batchsize: unknown key; did you mean "batchSize"?`,
      );
    }
    expect(problem(SMALL_CONFIG, ['losses.auxiliary.wieght=null']).message).toContain(
      'losses[1].wieght: unknown key',
    );
  });

  it('stays one when a second file gives it no value again', () => {
    const files = {
      'base.yaml': `${SMALL_CONFIG}evaluations:\n`,
      'main.yaml': 'extends: base.yaml\nevaluations:\n',
    };
    expect(problem(files).message).toContain('evaluations: unknown key');
  });

  it('is the default where the schema has the key', () => {
    const text = `${SMALL_CONFIG}seed:\ncheckpoint: {every: , keep: 5}\nlogging:\nschedule: {type: step, every: 1 epoch, warmup: ~}\n`;
    const { config } = load({ 'main.yaml': text }, ['optimizer.momentum=']);
    expect(config).toMatchObject({ seed: 1, checkpoint: { every: '1 epoch', keep: 5 } });
    expect(config.schedule).toMatchObject({ type: 'step', warmup: 0 });
    expect(config.optimizer).toMatchObject({ momentum: 0.9 });
  });

  it('takes away what an extended file has, known or not, also where the type changes', () => {
    const files = {
      'base.yaml': `${SMALL_CONFIG}note: of mine\nschedule: {type: step, every: 1 epoch}\n`,
      'main.yaml': 'extends: base.yaml\nnote:\nschedule: {type: cosine, every: null}\n',
    };
    expect(load(files).config.schedule).toEqual({
      ...{ type: 'cosine', warmup: 0, per: 'step', over: 'rest' },
      minimum: 0,
    });
  });

  it('in model.defaults is the default, and a kind that there is not is named', () => {
    const withDefaults = (defaults: string) =>
      SMALL_CONFIG.replace('  input:', `  defaults: ${defaults}\n  input:`);
    const { config } = load({ 'main.yaml': withDefaults('{conv: {bias: null}, fc: }') });
    expect(config.model.segments[0]?.layers[0]?.conv?.bias).toBe(true);
    expect(problem(withDefaults('{cnv: {bias: false}}')).message).toContain(
      'model.defaults.cnv: no kind of layer is called so; there are conv, maxpool',
    );
  });
});

describe('a decimal comma', () => {
  it.each([
    [
      'optimizer: {lr: 0.02, weightDecay: 0.0005}',
      '{lr: 0.02, weightDecay: 0,0005, momentum: 0,9}',
    ],
    ['optimizer: {lr: 0.02, weightDecay: 0.0005}', '{weightDecay: 0,0005, lr: 0,0005}'],
  ])('in a mapping in braces: %s', (from, to) => {
    const { message, hint } = problem(SMALL_CONFIG.replace(from, `optimizer: ${to}`));
    expect(message).toMatch(
      /^main\.yaml:30:\d+: weightDecay: 0,0005: a decimal comma: in YAML it ends the number, and "0005" is a key without a value$/,
    );
    expect(hint).toBe('write it with a decimal point, weightDecay: 0.0005');
  });

  it('of a layer, of the last key, of --set', () => {
    const text = SMALL_CONFIG.replace('dropout: 0}', 'dropout: 0,5}');
    expect(problem(text).hint).toContain('dropout: 0.5');
    expect(problem(SMALL_CONFIG, ['optimizer={lr: 1,5e-3}'])).toEqual({
      message: `--set optimizer={lr: 1,5e-3}: lr: 1,5e-3: a decimal comma: in YAML it ends the number, and "5e-3" is a key without a value`,
      hint: 'write it with a decimal point, lr: 1.5e-3',
    });
  });

  it('where the value is a text', () => {
    expect(problem(SMALL_CONFIG, ['optimizer.lr=0,01']).message).toContain(
      '; a decimal comma? numbers have a decimal point: 0.01',
    );
    expect(problem(SMALL_CONFIG.replace('weight: 0.3', 'weight: 0,3')).message).toContain(
      'decimal point: 0.3',
    );
  });

  it('in a list, which then has twice as many items', () => {
    const text = SMALL_CONFIG.replace('mean: channel', 'mean: [123,7, 116,3, 103,9]');
    expect(problem(text).message).toContain('decimal commas? they separate the items of a list');
  });
});
