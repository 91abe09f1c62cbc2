import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import { printConfig } from '../../src/config/print.js';
import { ConfigError } from '../../src/errors.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';

const load = (files: Record<string, string>, overrides: string[] = []) =>
  loadConfig(join(folderWith(files), 'main.yaml'), overrides);

/** The message of the ConfigError that loading gives, without the temporary folder. */
function problem(text: string, overrides: string[] = []): string {
  try {
    load({ 'main.yaml': text }, overrides);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.replaceAll(/\S*relaybp-test-\w+\//g, '');
  }
  throw new Error('the config was accepted');
}

afterEach(() => vi.unstubAllEnvs());

describe('a valid config', () => {
  it('gets its defaults', () => {
    const { config } = load({ 'main.yaml': SMALL_CONFIG });
    expect(config.seed).toBe(1);
    expect(config.data.sampler).toBe('class-aware');
    expect(config.optimizer).toEqual({
      type: 'sgd',
      lr: 0.02,
      momentum: 0.9,
      weightDecay: 0.0005,
      decayBiases: true,
      nesterov: false,
    });
    expect(config.checkpoint).toEqual({ every: '1 epoch', keep: 3 });
    expect(config.schedule).toEqual({ type: 'constant', warmup: 0, per: 'step' });
    expect(config.losses.map((loss) => loss.weight)).toEqual([1, 0.3]);
  });

  it('is frozen to its depths', () => {
    const { config } = load({ 'main.yaml': SMALL_CONFIG });
    expect(Object.isFrozen(config.model.segments[0]?.layers[0]?.conv)).toBe(true);
  });

  it('loads again from what --print-config prints', () => {
    const { config } = load({ 'main.yaml': SMALL_CONFIG });
    expect(parseConfig(printConfig(config), 'printed').config).toEqual(config);
  });
});

describe('extends', () => {
  const derived = `extends: main-base.yaml
name: derived
losses:
  - {name: auxiliary, weight: 1}
training: {epochs: null, steps: 7}
`;

  it('states only the differences; named items merge by name; null deletes', () => {
    const { config } = load({ 'main-base.yaml': SMALL_CONFIG, 'main.yaml': derived });
    expect(config.name).toBe('derived');
    expect(config.losses.map(({ name, weight }) => [name, weight])).toEqual([
      ['primary', 1],
      ['auxiliary', 1],
    ]);
    expect(config.training).toMatchObject({ steps: 7, batchSize: 8 });
    expect(config.training.epochs).toBeUndefined();
  });

  it('drops an item with remove: true', () => {
    const text = 'extends: base.yaml\nlosses: [{name: auxiliary, remove: true}]\n';
    const { config } = load({ 'base.yaml': SMALL_CONFIG, 'main.yaml': text });
    expect(config.losses.map((loss) => loss.name)).toEqual(['primary']);
  });

  it('replaces a mapping whose type changes', () => {
    const base = `${SMALL_CONFIG}schedule: {type: step, every: 3 epochs}\n`;
    const { config } = load({
      'base.yaml': base,
      'main.yaml': 'extends: base.yaml\nschedule: {type: cosine}\n',
    });
    expect(config.schedule).toEqual({
      ...{ type: 'cosine', warmup: 0, per: 'step', over: 'rest' },
      minimum: 0,
    });
  });

  it('of two alternatives the stated one stays', () => {
    const text =
      'extends: base.yaml\ntraining: {steps: 7}\nlosses: [{name: primary, range: {layers: 2}}]\n';
    const { config } = load({ 'base.yaml': SMALL_CONFIG, 'main.yaml': text }, [
      'training.epochs=3',
    ]);
    expect(config.training).toMatchObject({ epochs: 3 });
    expect(config.training.steps).toBeUndefined();
    expect(config.losses[0]?.range).toEqual({ layers: 2 });
  });

  it('goes through several files, nearest last', () => {
    const files = {
      'a.yaml': SMALL_CONFIG,
      'b.yaml': 'extends: a.yaml\nseed: 2\nname: b\n',
      'main.yaml': 'extends: b.yaml\nname: c\n',
    };
    const { config } = load(files);
    expect([config.seed, config.name]).toEqual([2, 'c']);
  });

  it('lays several bases over each other in order', () => {
    const files = {
      'a.yaml': SMALL_CONFIG,
      'b.yaml': 'seed: 2\nname: b\n',
      'main.yaml': 'extends: [a.yaml, b.yaml]\nname: c\n',
    };
    expect(load(files).config).toMatchObject({ seed: 2, name: 'c' });
  });

  it('names a circle and a missing base', () => {
    expect(() =>
      load({ 'main.yaml': 'extends: other.yaml\n', 'other.yaml': 'extends: main.yaml\n' }),
    ).toThrow(/"extends" goes round in a circle/);
    expect(() => load({ 'main.yaml': 'extends: nowhere.yaml\n' })).toThrow(
      /nowhere\.yaml: cannot read this config \(extended by .*main\.yaml\): no such file or directory/,
    );
  });

  describe('a base that several of the bases extend', () => {
    /** `c<n>` extends `c<n-1>` and `e<n-1>`, and that `c<n-1>` too. */
    const diamonds = (depth: number): Record<string, string> => {
      const files: Record<string, string> = { 'c0.yaml': SMALL_CONFIG };
      for (let i = 1; i <= depth; i++) {
        files[`e${i - 1}.yaml`] = `extends: c${i - 1}.yaml\nseed: ${i}\n`;
        files[`c${i}.yaml`] = `extends: [c${i - 1}.yaml, e${i - 1}.yaml]\n`;
      }
      return { ...files, 'main.yaml': `extends: c${depth}.yaml\n` };
    };

    it('is laid down with each of them', () => {
      expect(load(diamonds(8)).config).toMatchObject({ seed: 8 });
      const base = { 'base.yaml': SMALL_CONFIG, 'b.yaml': 'extends: base.yaml\n' };
      const twice = {
        'a.yaml': 'extends: base.yaml\nname: a\n',
        'main.yaml': 'extends: [a.yaml, b.yaml]\n',
      };
      expect(load({ ...base, ...twice }).config.name).toBe('small');
    });

    it('again and again is refused, long before it takes time and memory', () => {
      expect(() => load(diamonds(40))).toThrow(
        /c9\.yaml: extends: 1534 configs would be laid over each other, 1000 are the most/,
      );
    });
  });

  it('renames no loss and no segment by an override: it would be one more', () => {
    for (const [list, name] of [
      ['losses.auxiliary', 'auxiliary'],
      ['losses.1', 'auxiliary'],
      ['model.segments.0', 'seg1'],
    ]) {
      expect(problem(SMALL_CONFIG, [`${list}.name=other`])).toContain(
        `--set ${list}.name=other: the name of "${name}" is what the item is known by`,
      );
    }
    expect(
      load({ 'main.yaml': SMALL_CONFIG }, ['losses.1.name=auxiliary']).config.losses,
    ).toHaveLength(2);
  });

  it('takes no batches that no memory holds', () => {
    for (const key of ['training', 'evaluation']) {
      expect(problem(SMALL_CONFIG, [`${key}.batchSize=1000000000`])).toMatch(
        new RegExp(`${key}\\.batchSize: 1000000000: must be at most 1048576`),
      );
    }
  });

  it('locates a mistake in the file that made it', () => {
    const text = 'extends: base.yaml\nlosses:\n  - {name: auxiliary, weight: -1}\n';
    expect(() => load({ 'base.yaml': SMALL_CONFIG, 'main.yaml': text })).toThrow(
      /main\.yaml:3:23: losses\[1\]\.weight: -1: /,
    );
    const base = SMALL_CONFIG.replace('crop: 16', 'crop: -16');
    expect(() => load({ 'base.yaml': base, 'main.yaml': 'extends: base.yaml\nseed: 3\n' })).toThrow(
      /base\.yaml:3:\d+: data\.crop: -16: /,
    );
  });
});

describe('model.defaults', () => {
  const withDefaults = SMALL_CONFIG.replace(
    '  input:',
    '  defaults: {conv: {bias: false, filters: 9}, maxpool: {rounding: ceil}}\n  input:',
  );

  it('fill every layer of their kind, and what a layer says itself wins', () => {
    const { config } = load({ 'main.yaml': withDefaults });
    const [conv, pool] = config.model.segments[0]!.layers;
    expect(conv?.conv).toMatchObject({ bias: false, filters: 4 });
    expect(pool?.maxpool).toMatchObject({ size: 2, rounding: 'ceil' });
    expect(config.model).not.toHaveProperty('defaults');
  });

  it('reach into heads and branches', () => {
    const nested = withDefaults.replace(
      '- conv: {filters: 8, kernel: 3}',
      '- branches: {paths: [[conv: {kernel: 1}], [conv: {kernel: 3}]]}',
    );
    const { config } = load({ 'main.yaml': nested });
    expect(config.model.segments[2]?.layers[0]?.branches?.paths[1]?.[0]?.conv).toMatchObject({
      filters: 9,
      bias: false,
    });
  });

  it('are checked where they land', () => {
    expect(problem(withDefaults.replace('bias: false', 'bios: false'))).toContain(
      'model.segments[0].layers[0].conv.bios: unknown key; did you mean "bias"?',
    );
    expect(problem(withDefaults.replace('maxpool: {rounding: ceil}', 'maxpool: 3'))).toContain(
      'model.defaults: a mapping of layer kinds to options is needed',
    );
  });
});

describe('--set', () => {
  it('overrides typed values by key path, items by name or index', () => {
    const { config } = load({ 'main.yaml': SMALL_CONFIG }, [
      'training.batchSize=16',
      'losses.auxiliary.weight=1',
      'model.segments.0.layers.0.conv.filters=5',
      'data.augment={flip: false}',
    ]);
    expect(config.training.batchSize).toBe(16);
    expect(config.losses[1]?.weight).toBe(1);
    expect(config.model.segments[0]?.layers[0]?.conv?.filters).toBe(5);
    expect(config.data.augment.flip).toBe(false);
  });

  it('null deletes a key, also inside a named item', () => {
    const { config } = load({ 'main.yaml': SMALL_CONFIG }, [
      'losses.primary.range={downTo: null, layers: 2}',
      'training={epochs: null, steps: 5}',
    ]);
    expect(config.losses[0]?.range).toEqual({ layers: 2 });
    expect(config.training.steps).toBe(5);
    const { config: whole } = load({ 'main.yaml': SMALL_CONFIG }, ['losses.primary.range=null']);
    expect(whole.losses[0]?.range).toBeUndefined();
  });

  it('is checked by the schema, and named in the message', () => {
    expect(problem(SMALL_CONFIG, ['training.batchSize=many'])).toMatch(
      /^--set training\.batchSize=many: training\.batchSize: "many": must be a number/,
    );
    expect(problem(SMALL_CONFIG, ['training.bachSize=4'])).toBe(
      '--set training.bachSize=4: training.bachSize: unknown key; did you mean "batchSize"?',
    );
    expect(problem(SMALL_CONFIG, ['losses.third.weight=1'])).toContain(
      'no item "third" in this list; it has primary, auxiliary',
    );
    expect(problem(SMALL_CONFIG, ['training'])).toContain('write it as key.path=value');
  });
});

describe('environment variables', () => {
  it('are put into texts, with a default', () => {
    vi.stubEnv('IMAGES', '/somewhere');
    const text = SMALL_CONFIG.replace('data/small', '"${IMAGES}/${PART:-scenes}"');
    expect(load({ 'main.yaml': text }).config.data.root).toBe('/somewhere/scenes');
  });

  it('that are not set and have no default are an error', () => {
    vi.stubEnv('IMAGES', undefined);
    expect(problem(SMALL_CONFIG.replace('data/small', '"${IMAGES}"'))).toContain(
      'the environment variable IMAGES is not set (used in "${IMAGES}")',
    );
  });
});

describe('messages', () => {
  it('name file, line, column, key path and the nearest key', () => {
    expect(
      problem(
        SMALL_CONFIG.replace('kernel: 3}\n        - maxpool', 'kernal: 3}\n        - maxpool'),
      ),
    ).toBe(
      [
        'main.yaml:9:11: model.segments[0].layers[0].conv.kernel: missing: kernel: a positive integer or [height, width]',
        'main.yaml:9:30: model.segments[0].layers[0].conv.kernal: unknown key; did you mean "kernel"?',
      ].join('\n'),
    );
  });

  it('list the valid keys where none is near', () => {
    expect(problem(`${SMALL_CONFIG}frobnicate: 1\n`)).toMatch(
      /^main\.yaml:32:1: frobnicate: unknown key; valid keys here: version, name, seed, precision, convolution, initialCheckpoint, data, model, /,
    );
  });

  it('know the keys of the chosen kind of schedule', () => {
    expect(problem(`${SMALL_CONFIG}schedule: {type: plateau, patiense: 2}\n`)).toContain(
      'schedule.patiense: unknown key; did you mean "patience"?',
    );
    expect(problem(`${SMALL_CONFIG}schedule: {type: sometimes}\n`)).toMatch(
      /schedule\.type: "sometimes": /,
    );
  });

  it('say what a layer is', () => {
    const two = SMALL_CONFIG.replace(
      '- maxpool: {size: 2}\n    - name: seg2',
      '- {maxpool: {size: 2}, dropout: 0.1}\n    - name: seg2',
    );
    expect(problem(two)).toContain(
      'model.segments[0].layers[1]: {"maxpool":{"size":2},"dropout":0.1}: a layer is a mapping with exactly one key, one of conv, maxpool, avgpool, fc, dropout, relu, spp, batchnorm, lrn, branches, residual, custom; here maxpool and dropout',
    );
    const none = SMALL_CONFIG.replace(
      'conv: {filters: 4, kernel: 3}',
      'convolution: {filters: 4, kernel: 3}',
    );
    expect(problem(none)).toContain(
      'model.segments[0].layers[0].convolution: unknown key; did you mean "conv"?',
    );
  });

  it.each([
    ['version: 1', 'version: 2', /version: 2: version: 1 is the only version/],
    ['lr: 0.02', 'lr: fast', /optimizer\.lr: "fast": must be a number/],
    ['epochs: 2,', '', /training: .*: training has either epochs or steps/],
    [
      'range: {downTo: seg2}',
      'range: {downTo: seg2, layers: 2}',
      /losses\[0\]\.range: .*: a range has either downTo .* or layers/,
    ],
    ['classes: 3', 'classes: 1', /data\.classes: 1: /],
    ['mean: channel', 'mean: average', /data\.mean: "average": mean: pixel/],
  ])('%s -> %s', (from, to, message) => {
    expect(problem(SMALL_CONFIG.replace(from, to))).toMatch(message);
  });

  it('report every problem at once', () => {
    const text = SMALL_CONFIG.replace('lr: 0.02', 'lr: 0').replace('classes: 3', 'classes: 0');
    expect(problem(text).split('\n')).toHaveLength(2);
  });
});

describe('hostile or broken YAML', () => {
  it.each([
    ['a: [1, 2', /main\.yaml:\d+:\d+: not valid YAML: /],
    ['a: 1\na: 2\n', /main\.yaml:2:1: the key "a" is there twice/],
    ['- 1\n- 2\n', /main\.yaml: a config is a YAML mapping/],
    ['', /main\.yaml: a config is a YAML mapping/],
    ['__proto__: {polluted: 1}\n', /__proto__/],
    ['constructor: {a: 1}\n', /"constructor" is not allowed as a key/],
  ])('%j', (text, message) => {
    expect(problem(text)).toMatch(message);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('an alias bomb is refused', () => {
    const levels = Array.from({ length: 12 }, (_, i) =>
      i === 0
        ? 'a0: &a0 [x, x, x, x, x, x, x, x, x]'
        : `a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}]`,
    );
    expect(problem(levels.join('\n'))).toMatch(/not valid YAML: Excessive alias count/);
  });
});
