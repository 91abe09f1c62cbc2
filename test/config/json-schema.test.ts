import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv, type ValidateFunction } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  completeSchema,
  fileSchema,
  type JsonSchema,
  mapSchemas,
} from '../../src/config/json-schema.js';
import { parseConfig } from '../../src/config/load.js';
import { printConfig } from '../../src/config/print.js';
import { configReference } from '../../src/config/reference.js';
import { SMALL_CONFIG } from '../support/configs.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const committed = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const STALE = 'this file is made from src/config: run "npm run generate" and commit the result';

const configs = ['configs', 'configs/base'].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => join(folder, file)),
);
const fixtures = readdirSync(join(ROOT, 'test/fixtures'))
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => join('test/fixtures', file));

/** An implementation of JSON Schema that is not ours; strict about the schema itself. */
function validator(): ValidateFunction {
  return new Ajv({ strict: true, allowUnionTypes: true }).compile(fileSchema());
}

describe('the files made from the schema', () => {
  it('schema/relaybp.schema.json is up to date', () => {
    const text = `${JSON.stringify(fileSchema(), null, 1)}\n`;
    expect(committed('schema/relaybp.schema.json'), STALE).toBe(text);
  });

  it('docs/config.md is up to date', () => {
    expect(committed('docs/config.md'), STALE).toBe(configReference());
  });

  it('every key has a description', () => {
    const without: string[] = [];
    mapSchemas(completeSchema(), (part: JsonSchema) => {
      for (const [key, { description }] of Object.entries(part.properties ?? {})) {
        const beside = Object.keys(part.properties!).filter((other) => other !== key);
        if (!description) without.push(`${key} (beside ${beside.join(', ')})`);
      }
      return part;
    });
    expect(without, 'end these keys in .describe(…), in src/config').toEqual([]);
  });
});

describe('configs', () => {
  it.each(configs)('%s names the schema, for editors', (file) => {
    const path = relative(dirname(file), 'schema/relaybp.schema.json');
    const line = `# yaml-language-server: $schema=${path}`;
    expect(committed(file).split('\n')[0], 'the first line of every config').toBe(line);
  });

  const validate = validator();
  it.each([...configs, ...fixtures])('%s is valid', (file) => {
    validate(parse(committed(file), { merge: true }));
    expect(validate.errors).toBeNull();
  });

  it('a resolved config is valid, and so is a whole one', () => {
    validate(parse(SMALL_CONFIG));
    expect(validate.errors).toBeNull();
    validate(parse(printConfig(parseConfig(SMALL_CONFIG, 'small').config)));
    expect(validate.errors).toBeNull();
  });
});

describe('what a file may state', () => {
  const validate = validator();
  const valid = (yaml: string): boolean => validate(parse(yaml));

  it.each([
    'extends: a.yaml',
    'extends: [a.yaml, b.yaml]',
    'training: {epochs: null, steps: 10}',
    'losses: [{name: auxiliary, remove: true}]',
    'losses: [{name: auxiliary, weight: 1, range: null}]',
    'model: {defaults: {conv: {batchNorm: {epsilon: 0.001}}}}',
    'optimizer: {lr: 0.1}',
    'optimizer: {betas: [0.9, 0.99]}',
    'schedule: {minimum: 0.001}',
    'data: {sampler: "${SAMPLER:-shuffle}"}',
    'name: ${NAME:-some}',
    'checkpoint: {every: 500 steps}',
    'checkpoint: {every: 2.5}',
  ])('%s', (yaml) => {
    expect(valid(yaml)).toBe(true);
  });

  it.each([
    'extends: 1',
    'trainings: {}',
    'training: {batchsize: 3}',
    'training: {batchSize: 0}',
    'losses: [{weight: 1}]',
    'losses: [{name: auxiliary, remove: false}]',
    'model: {segments: [{name: a, layers: [{conv: {filters: 3, kernel: [1, 2, 3]}}]}]}',
    'model: {segments: [{name: a, layers: [{conv: {filters: 3}, maxpool: {size: 2}}]}]}',
    'model: {segments: [{name: a, layers: [{}]}]}',
    'model: {segments: [{name: 1a, layers: [{dropout: 0.5}]}]}',
    'model: {segments: [{name: a, layers: [{branches: {paths: [[{con: {}}], []]}}]}]}',
    'model: {defaults: {dropout: 0.5}}',
    'optimizer: {type: adam}',
    'optimizer: {lr: 0.1, momentum: 0.9, betas: [0.9, 0.99]}',
    'schedule: {type: step, milestones: [1]}',
    'data: {sampler: random}',
    'checkpoint: {every: 2 weeks}',
  ])('not %s', (yaml) => {
    expect(valid(yaml)).toBe(false);
  });
});
