/** Paths in configs: the home folder, what a run keeps of them, and that what it keeps is data. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ExperimentConfig } from '../../src/config/experiment-schema.js';
import { withAbsolutePaths, writtenPaths } from '../../src/config/file-paths.js';
import { loadConfig, loadSavedConfig, parseConfig, withOverrides } from '../../src/config/load.js';
import { printConfig } from '../../src/config/print.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';

afterEach(() => vi.unstubAllEnvs());

/** What a run that keeps this text is gone on with. */
const reloaded = (text: string): ExperimentConfig =>
  loadSavedConfig(join(folderWith({ 'config.yaml': text }), 'config.yaml')).config;

const home = (path: string): string => join(homedir(), path);

describe('~', () => {
  const text = SMALL_CONFIG.replace(
    'root: data/small',
    "root: ~/photos, train: ~/lists/train.txt, val: '~/lists/val.txt'",
  );

  it('is the home folder in every path of a file', () => {
    const { config } = parseConfig(`${text}initialCheckpoint: ~/runs/a\n`, 'c.yaml');
    expect(config).toMatchObject({
      data: { root: home('photos'), train: home('lists/train.txt'), val: home('lists/val.txt') },
      initialCheckpoint: home('runs/a'),
    });
  });

  it('in --set, and where it comes from the environment', () => {
    vi.stubEnv('PHOTOS', '~/elsewhere');
    const root = (set: string[], given = SMALL_CONFIG): string =>
      parseConfig(given, 'c.yaml', set).config.data.root;
    expect(root(['data.root=~/photos'])).toBe(home('photos'));
    expect(root(['data={root: ~/photos}'])).toBe(home('photos'));
    expect(root([], SMALL_CONFIG.replace('data/small', '"${PHOTOS}"'))).toBe(home('elsewhere'));
    expect(root([], SMALL_CONFIG.replace('data/small', '"${NOWHERE:-~}"'))).toBe(homedir());
  });

  it('in extends', () => {
    const folder = folderWith({ 'base.yaml': SMALL_CONFIG, 'main.yaml': 'extends: ~/base.yaml\n' });
    vi.stubEnv('HOME', folder);
    expect(loadConfig(join(folder, 'main.yaml')).config.name).toBe('small');
  });

  it('means nothing in the middle of a path, and in a name that begins with it', () => {
    const root = (path: string): string =>
      parseConfig(SMALL_CONFIG.replace('data/small', path), 'c.yaml').config.data.root;
    expect(root('a/~/b')).toBe('a/~/b');
    expect(root('./~/b')).toBe('./~/b');
    expect(root('~1')).toBe('~1');
  });

  it("of somebody else's home is refused, with the way out", () => {
    const text = SMALL_CONFIG.replace('data/small', '~bob/photos');
    expect(() => parseConfig(text, 'c.yaml')).toThrow(
      expect.objectContaining({
        message: 'c.yaml: ~bob/photos: of home folders only your own is known, as ~/…',
        hint: 'write the whole path; for a folder of that name here ./~bob/photos',
      }),
    );
  });
});

describe('what a run keeps', () => {
  const saved = (text: string, set: string[] = []) => {
    const loaded = parseConfig(text, 'c.yaml', set);
    const config = withAbsolutePaths(loaded.config);
    return { config, written: writtenPaths(config, loaded.written) };
  };

  it('are absolute paths, and how they were written', () => {
    vi.stubEnv('RUN', 'runs/a');
    const { config, written } = saved(`${SMALL_CONFIG}initialCheckpoint: \${RUN}\n`);
    expect(config.data.root).toBe(resolve('data/small'));
    expect(config.initialCheckpoint).toBe(resolve('runs/a'));
    expect(written).toEqual({ 'data.root': 'data/small', initialCheckpoint: '${RUN}' });
    expect(printConfig(config, written)).toContain(
      `root: ${resolve('data/small')} # as written: "data/small"\n`,
    );
    expect(reloaded(printConfig(config, written))).toEqual(config);
  });

  it('nothing besides where they were absolute, whatever is in them', () => {
    const { config, written } = saved(SMALL_CONFIG, ['data.root=/data/"x" # y']);
    expect(written).toEqual({});
    expect(reloaded(printConfig(config, written))).toEqual(config);
  });

  it('how it was written by whatever came last: --set over the file over what it extends', () => {
    expect(saved(SMALL_CONFIG, ['data.root=~/photos']).written).toEqual({
      'data.root': '~/photos',
    });
    expect(saved(SMALL_CONFIG, ['data.root=/photos']).written).toEqual({});
  });

  it('how it was written before, as long as the path is the same', () => {
    const { config, written } = saved(SMALL_CONFIG);
    const again = (set: string[]) => {
      const loaded = withOverrides(config, 'state.json', set);
      return writtenPaths(withAbsolutePaths(loaded.config), loaded.written, { config, written });
    };
    expect(again([])).toEqual({ 'data.root': 'data/small' });
    expect(again(['data.root=/moved'])).toEqual({});
    expect(again(['data.root=moved'])).toEqual({ 'data.root': 'moved' });
  });
});

describe('a saved config is data', () => {
  const text = SMALL_CONFIG.replace('data/small', '"/data/${SECRET}/${NEVER_SET}/~"');

  it('of which nothing is expanded, neither from text nor from a file', () => {
    vi.stubEnv('SECRET', 'leaked');
    const root = '/data/${SECRET}/${NEVER_SET}/~';
    const config = reloaded(text);
    expect(config.data.root).toBe(root);
    expect(withOverrides(config, 'state.json').config.data.root).toBe(root);
    expect(withOverrides(config, 'state.json', ['seed=2']).config.data.root).toBe(root);
    expect(() => parseConfig(text, 'c.yaml')).toThrow(/NEVER_SET is not set/);
  });

  it('what is laid over it is what a user writes', () => {
    const laid = withOverrides(reloaded(text), 'state.json', ['data.root=~/x']);
    expect(laid.config.data.root).toBe(home('x'));
  });
});
