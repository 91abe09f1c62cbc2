/** The studies of studies/: what each asks for, and that its first lines and its schema are right. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type JsonSchema, mapSchemas } from '../../src/config/json-schema.js';
import { loadStudy } from '../../src/study/load-study.js';
import { studyFileSchema, studyReference } from '../../src/study/study-json-schema.js';
import { listRuns } from '../../src/study/study-run-list.js';
import { planStudy } from '../../src/study/study-runs.js';
import { run } from '../support/cli.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const committed = (file: string): string => readFileSync(`${ROOT}${file}`, 'utf8');
const STUDIES = readdirSync(`${ROOT}studies`).filter((file) => file.endsWith('.yaml'));
const STALE = 'this file is made from src/study: run "npm run generate" and commit the result';

describe('the files made from the schema', () => {
  it('are up to date', () => {
    const text = `${JSON.stringify(studyFileSchema(), null, 1)}\n`;
    expect(committed('schema/relaybp-study.schema.json'), STALE).toBe(text);
    expect(committed('docs/study-keys.md'), STALE).toBe(studyReference());
  });

  it('every key has a description', () => {
    const without: string[] = [];
    mapSchemas(studyFileSchema(), (part: JsonSchema) => {
      for (const [key, { description }] of Object.entries(part.properties ?? {})) {
        if (!description) without.push(key);
      }
      return part;
    });
    expect(without, 'end these keys in .describe(…), in src/study/study-schema.ts').toEqual([]);
  });
});

/** Trials and final runs of each, and the multiply-adds of a step for one image of some of its runs, in G. */
const ASKED: Record<string, { trials: number; finals: number; giga: Record<string, number> }> = {
  'imagenet-depth.yaml': {
    trials: 0,
    finals: 9,
    giga: { 'VGG-13_seed1': 33.8, 'VGG-19_seed3': 58.8 },
  },
  'places2-depth.yaml': {
    trials: 0,
    finals: 9,
    giga: { 'VGG-22_seed1': 71.3, 'VGG-25_seed2': 83.8 },
  },
  'places2-methods.yaml': {
    trials: 24,
    finals: 24,
    giga: { 'B_bp_lr?_seed1': 47.9, 'B_relay_lr?_seed1': 54.1 },
  },
  'places2-methods-multiscale.yaml': { trials: 24, finals: 24, giga: {} },
  'imagenet-networks.yaml': {
    trials: 0,
    finals: 12,
    giga: { resnet50_bp_seed1: 11.5, 'inception-v3_relay_seed1': 19 },
  },
  'scenes-depth.yaml': { trials: 65, finals: 48, giga: { '10_class-aware_bp_lr?_seed1': 0.0292 } },
};

describe('studies', () => {
  it('are all known here', () => {
    expect(STUDIES.sort()).toEqual(Object.keys(ASKED).sort());
  });

  it.each(STUDIES)(
    '%s',
    async (file) => {
      const text = committed(`studies/${file}`);
      const lines = text.split('\n');
      expect(lines[0]).toBe('# yaml-language-server: $schema=../schema/relaybp-study.schema.json');
      expect(text).toContain(`relaybp study studies/${file}`);
      const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(studyFileSchema());
      validate(parse(text));
      expect(validate.errors).toBeNull();
      const plan = planStudy(loadStudy(`${ROOT}studies/${file}`));
      const list = await listRuns(plan, async () => ({ training: 1000 }));
      const { trials, finals, giga } = ASKED[file]!;
      const counts = (purpose: string) => list.filter((one) => one.purpose === purpose).length;
      expect([counts('trial'), counts('final')]).toEqual([trials, finals]);
      for (const [id, expected] of Object.entries(giga)) {
        const found = list.find((one) => one.id === id)?.stepMultiplyAdds;
        expect(found! / 1e9 / expected, id).toBeCloseTo(1, 2);
      }
    },
    120_000,
  );

  it('relaybp study --dry-run lists them, wherever the data are', async () => {
    const args = ['study', 'studies/imagenet-depth.yaml', '--dry-run', '--engine', 'wasm'];
    const { code, stdout, stderr } = await run([...args, '--images', '1281167'], ROOT, {
      IMAGENET: '/nowhere',
    });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain('without images: /nowhere/train: no such folder');
    expect(stdout).toContain('study imagenet-depth: 9 runs');
    // 90 epochs of 1,281,167 images in batches of 256: 450,450 steps × 256 × 33.8 G = 3.9 E.
    expect(stdout).toMatch(/^VGG-13_seed1 {7}33\.8 G {6}3\.9 E {2}3\.2 GiB {2}.*\d/m);
    const json = await run([...args, '--json'], ROOT, { IMAGENET: '/nowhere' });
    expect(JSON.parse(json.stdout).runs[0]).toMatchObject({ id: 'VGG-13_seed1', steps: null });
  });
});
