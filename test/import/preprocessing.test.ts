/** The evaluation preprocessing that is taken over with weights, against timm's and torchvision's own: scripts/reference-presets.py. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findPreprocessing } from '../../src/import/find-preprocessing.js';
import { asOverrides } from '../../src/import/published-preprocessing.js';
import { timmPreprocessing } from '../../src/import/timm-preprocessing.js';
import { PRESET_NAMES, torchvisionPreset } from '../../src/import/torchvision-presets.js';
import { encodeSafetensors } from '../../src/safetensors.js';

interface Preset {
  name: string;
  resize: number;
  crop: number;
  interpolation: string;
  mean: number[];
  std: number[];
}

const reference: {
  torchvision: (Preset & { file: string })[];
  timm: (Preset & { config: object })[];
} = JSON.parse(readFileSync(new URL('../fixtures/import/presets.json', import.meta.url), 'utf8'));

const on1 = (values: readonly number[]) => values.map((value) => Number((value / 255).toFixed(6)));

it.each(reference.torchvision)("$name is torchvision's preset", (wanted) => {
  for (const by of [wanted.name, wanted.file]) {
    const found = torchvisionPreset(by)!;
    const { resize, crop, interpolation } = wanted;
    expect(found).toMatchObject({ resize, crop, interpolation });
    // Its transform_input takes (x · std + mean − 0.5) / 0.5 of what the preset has made.
    const inside = wanted.name.startsWith('Inception');
    expect(on1(found.mean)).toEqual(inside ? [0.5, 0.5, 0.5] : wanted.mean);
    expect(on1(found.std)).toEqual(inside ? [0.5, 0.5, 0.5] : wanted.std);
    expect(found.notes).toHaveLength(inside ? 1 : 0);
  }
});

it('has every preset of the networks that are imported', () => {
  expect(new Set(PRESET_NAMES)).toEqual(new Set(reference.torchvision.map(({ name }) => name)));
});

it.each(reference.timm)("$name is what timm's create_transform makes of it", (wanted) => {
  const found = timmPreprocessing(wanted.config, 'config.json');
  const { resize, crop, interpolation } = wanted;
  expect(found).toMatchObject({ resize, crop, interpolation });
  expect(on1(found.mean)).toEqual(wanted.mean);
  expect(on1(found.std)).toEqual(wanted.std);
});

describe('where it is found', () => {
  const folder = mkdtempSync(join(tmpdir(), 'relaybp-preprocessing-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const { config } = reference.timm.find(({ name }) => name === 'resnet50.a1_in1k')!;
  const packed = (metadata = {}): Buffer =>
    Buffer.concat([...encodeSafetensors(new Map(), metadata)]);
  const write = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const weights = write('model.safetensors', packed());

  it('nowhere', () => expect(findPreprocessing(weights, 'auto')).toBeNull());

  it('in the metadata, which come before a config.json beside', () => {
    const metadata = { pretrained_cfg: JSON.stringify({ ...config, interpolation: 'bilinear' }) };
    const inside = write('packed.safetensors', packed(metadata));
    write('config.json', JSON.stringify({ pretrained_cfg: config }));
    expect(findPreprocessing(inside, 'auto')!.interpolation).toBe('bilinear');
    const beside = findPreprocessing(weights, 'auto')!;
    expect(asOverrides(beside)).toEqual([
      ...['data.resize=288', 'data.crop=288', 'model.input=[288,288,3]'],
      ...['data.interpolation=bicubic', 'data.protocol=torchvision'],
      ...['data.mean=[123.675,116.28,103.53]', 'data.std=[58.395,57.12,57.375]'],
    ]);
    expect(beside.source).toBe(`timm's (${join(folder, 'config.json')})`);
    expect(beside.notes).toEqual([
      expect.stringContaining('--set data.resize=235 --set data.crop=224'),
    ]);
    expect(findPreprocessing(weights, 'config')).toBeNull();
  });

  it("by the name of torchvision's file, and what the command line names", () => {
    const named = write('resnet50-11ad3fa6.safetensors', packed());
    expect(findPreprocessing(named, 'auto')).toMatchObject({ resize: 232, crop: 224 });
    expect(findPreprocessing(weights, 'VGG16_Weights.IMAGENET1K_V1')!.resize).toBe(256);
    const older = write('older.json', JSON.stringify(config));
    expect(findPreprocessing(weights, older)!.crop).toBe(288);
  });

  it('says what cannot be taken over', () => {
    const refusals: [object, string][] = [
      [{ crop_mode: 'squash' }, 'crop_mode "squash" resizes both sides'],
      [{ crop_mode: 'border' }, 'crop_mode "border" shows the whole image'],
      [{ interpolation: 'random' }, 'interpolation "random" is none of bilinear, bicubic, lanczos'],
      [{ test_input_size: [3, 224, 320] }, 'its input is 3x224x320'],
      [{ input_size: [1, 28, 28], test_input_size: null }, 'its input is 1x28x28'],
      [{ test_crop_pct: 1.1 }, 'crop_pct 1.1'],
      [{ mean: [0.5] }, 'pretrained_cfg.mean'],
    ];
    for (const [change, message] of refusals) {
      expect(() => timmPreprocessing({ ...config, ...change }, 'config.json')).toThrow(message);
    }
    expect(() => findPreprocessing(weights, 'ResNet50_Weights.V9')).toThrow(
      'neither a file nor the name of weights of torchvision (Inception_V3_Weights',
    );
    const other = write('other.json', '{"a": 1}');
    expect(() => findPreprocessing(weights, other)).toThrow('no config of timm');
    const broken = write('broken.json', '{');
    expect(() => findPreprocessing(weights, broken)).toThrow('not JSON');
  });
});
