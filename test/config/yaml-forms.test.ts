/** What people write in YAML files besides its plainest form: merge keys, other encodings, values of another type. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import { ConfigError } from '../../src/errors.js';
import { notUtf8 } from '../../src/text-encoding.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';

function problem(load: () => unknown): ConfigError {
  try {
    load();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  throw new Error('the config was accepted');
}
const problemOf = (...set: string[]): string =>
  problem(() => parseConfig(SMALL_CONFIG, 'c.yaml', set)).message;

const LAYERS = (second: string): string => `version: 1
name: merged
data: {root: d, classes: 2, resize: 18, crop: 16}
model:
  input: [16, 16, 3]
  segments:
    - name: seg1
      layers:
        - conv: &conv {filters: 8, kernel: 3, dropout: 0.5}
        - conv: ${second}
losses: [{name: primary, after: seg1, head: [avgpool: {size: global}, fc: {units: classes}]}]
optimizer: {lr: 0.01}
training: {epochs: 1, batchSize: 4}
`;

describe('merge keys', () => {
  it.each([
    ['{<<: *conv}', { filters: 8, kernel: 3, dropout: 0.5 }],
    ['{<<: *conv, filters: 4}', { filters: 4, kernel: 3, dropout: 0.5 }],
    ['{filters: 4, <<: *conv}', { filters: 4, kernel: 3, dropout: 0.5 }],
    ['{<<: [{kernel: 1}, *conv]}', { filters: 8, kernel: 1, dropout: 0.5 }],
  ])('%s', (text, layer) => {
    const { config } = parseConfig(LAYERS(text), 'c.yaml');
    expect(config.model.segments[0]!.layers[1]!.conv).toMatchObject(layer);
  });

  it('what they bring is checked as if it stood there', () => {
    const text = LAYERS('{<<: *conv}').replace('kernel: 3', 'kernal: 3');
    expect(problem(() => parseConfig(text, 'c.yaml')).message).toContain(
      'model.segments[0].layers[1].conv.kernal: unknown key; did you mean "kernel"?',
    );
    const odd = LAYERS('{<<: 3, filters: 4, kernel: 3}');
    expect(problem(() => parseConfig(odd, 'c.yaml')).message).toMatch(/not valid YAML: Merge/);
  });
});

describe('a value that YAML reads as another type', () => {
  it.each([
    ['data.augment.flip=yes', '"yes": must be true or false; write true'],
    ['data.augment.flip=No', '"No": must be true or false; write false'],
    ['data.augment.flip=off', '"off": must be true or false; write false'],
    ['data.augment.flip="true"', '"true": must be true or false; write true'],
    ['training.batchSize="32"', '"32": must be a number; write 32'],
    ['training.batchSize=1_000', '"1_000": must be a number; write 1000'],
    ['data.train=007', '007: must be text; in quotes: "007"'],
    ['data.val=0x1F', '0x1F: must be text; in quotes: "0x1F"'],
    ['data.train=1e3', '1e3: must be text; in quotes: "1e3"'],
    ['data.train=true', 'true: must be text; in quotes: "true"'],
    ['data.root=~', '~: must be text; in quotes: "~"'],
    ['name=007', '7: a name: a letter, then letters, digits, _ or -'],
    ['training.batchSize="many"', '"many": must be a number'],
    ['training.batchSize="0"', '"0": must be a number'], // 0 is none either
    ['data.root=', 'missing: must be text'],
  ])('%s', (override, text) => {
    const key = override.slice(0, override.indexOf('='));
    expect(problemOf(override)).toBe(`--set ${override}: ${key}: ${text}`);
  });

  it('has the help in a file, and in the innermost of its mappings', () => {
    const text = SMALL_CONFIG.replace('root: data/small', 'root: 0042');
    expect(problem(() => parseConfig(text, 'c.yaml')).message).toBe(
      'c.yaml:3:8: data.root: 0042: must be text; in quotes: "0042"',
    );
    expect(problemOf('data={augment: {flip: yes}}')).toContain('data.augment.flip: "yes"');
    expect(problemOf('data={augment: {flip: yes}}')).toContain('; write true');
  });
});

describe('a config in another encoding', () => {
  const written = (bytes: Buffer): (() => unknown) => {
    const file = join(folderWith({}), 'c.yaml');
    writeFileSync(file, bytes);
    return () => loadConfig(file);
  };
  const bigEndian = Buffer.from(SMALL_CONFIG, 'utf16le').swap16();

  it.each([
    ['UTF-16 with its mark', Buffer.from(`\ufeff${SMALL_CONFIG}`, 'utf16le'), 'it is UTF-16 text'],
    ['UTF-16 without', Buffer.from(SMALL_CONFIG, 'utf16le'), 'it is UTF-16 text'],
    ['the other byte order', bigEndian, 'it is UTF-16 text'],
    [
      'Latin-1',
      Buffer.from(SMALL_CONFIG.replace('data/small', 'Gem\xe4lde'), 'latin1'),
      'line 3 is no UTF-8 text',
    ],
  ])('%s is named', (_, bytes, text) => {
    const { message, hint } = problem(written(bytes));
    expect(message).toMatch(new RegExp(`c\\.yaml: ${text}$`));
    expect(hint).toContain('save it as UTF-8');
  });

  it('UTF-8 is read, with its mark too', () => {
    const text = SMALL_CONFIG.replace('data/small', 'Gemälde/日本');
    expect(written(Buffer.from(`\ufeff${text}`))).not.toThrow();
    expect(notUtf8(Buffer.from(text))).toBeNull();
    expect(notUtf8(Buffer.from('日本語'))).toBeNull();
    expect(notUtf8(Buffer.alloc(0))).toBeNull();
  });
});
