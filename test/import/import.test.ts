/**
 * Weight files of other programs, imported by the command and run, against what those programs compute
 * (scripts/reference-imports.py: torchvision and timm in float64, OpenCV for Caffe).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { importCommand } from '../../src/commands/import.js';
import { openModel } from '../../src/commands/model.js';
import type { Engine } from '../../src/engine/engine.js';
import { openEngine } from '../../src/engine/select.js';
import { networkScores } from '../../src/export/verify.js';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { findCheckpoint } from '../../src/run/run-checkpoints.js';
import { encodeSafetensors, type NamedTensor } from '../../src/safetensors.js';
import { narrowPlan, resolved } from '../configs/narrow.js';
import { drawn, drawnImages } from './drawn.js';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/import/${name}`, import.meta.url));
const reference = (
  name: string,
): { size: number; logits: number[][]; tensors?: Record<string, number[]> } =>
  JSON.parse(readFileSync(fixture(`${name}.json`), 'utf8'));

const folder = mkdtempSync(join(tmpdir(), 'relaybp-import-'));
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const classes = file('classes.txt', 'bay\ncliff\ndune\nforest\nglacier\n');
let engine: Engine;
beforeAll(async () => {
  engine = await openEngine('wasm');
});
afterAll(() => rmSync(folder, { recursive: true }));

const TORCH = ['data.mean=[123.675,116.28,103.53]', 'data.std=[58.395,57.12,57.375]'];
const CAFFE = ['data.mean=[116.052,113.768,105.448]', 'data.std=1'];

/** The widths of `torchvision_vgg` and `timm_vgg` in the script. */
function narrowVgg(batchNorm: boolean): string {
  const conv = (filters: number, repeat: number) => ({
    conv: { filters, kernel: 3, repeat, batchNorm, bias: true },
  });
  const { data, model, losses, ...rest } = resolved('imagenet-vgg16');
  const widths = [
    [4, 2],
    [6, 2],
    [8, 3],
    [10, 3],
    [10, 3],
  ] as const;
  const units = (head: object[]): object[] =>
    head.map((layer) =>
      'fc' in layer && (layer.fc as { units: unknown }).units === 4096
        ? { fc: { units: 16, relu: true } }
        : layer,
    );
  return file(
    `vgg-${batchNorm}.yaml`,
    stringify({
      ...rest,
      data: { ...data, classes: 5 },
      model: {
        input: model.input,
        segments: widths.map(([filters, repeat], i) => ({
          name: `seg${i + 1}`,
          layers: [conv(filters, repeat), { maxpool: { size: 2 } }],
        })),
      },
      losses: losses.map((loss) => ({ ...loss, head: units(loss.head) })),
      training: { steps: 1, batchSize: 2 },
    }),
  );
}

function narrow(config: string, filters: number, units: number, size: number): string {
  const plan = narrowPlan(config, { filters, units, size, classes: 5, images: 2 });
  return file(`${config}.yaml`, stringify(plan.config));
}

const OLD_FORMAT = stringify({
  version: 1,
  name: 'old',
  data: { root: 'unused', classes: 5, resize: 32, crop: 32 },
  model: {
    input: [32, 32, 3],
    segments: [
      {
        name: 'seg1',
        layers: [{ conv: { filters: 6, kernel: 3, repeat: 2 } }, { maxpool: { size: 2 } }],
      },
      { name: 'seg2', layers: [{ conv: { filters: 8, kernel: 3 } }, { maxpool: { size: 2 } }] },
    ],
  },
  losses: [
    {
      name: 'primary',
      after: 'seg2',
      head: [{ fc: { units: 12, relu: true } }, { fc: { units: 'classes' } }],
    },
    { name: 'auxiliary', after: 'seg1', weight: 0.3, head: [{ fc: { units: 'classes' } }] },
  ],
  optimizer: { lr: 0.1 },
  training: { steps: 1, batchSize: 2 },
});

/** torchvision's names and shapes, with the script's values, as a file. */
function drawnFile(name: string): string {
  const tensors = new Map<string, NamedTensor>();
  for (const [key, shape] of Object.entries(reference(name).tensors!))
    tensors.set(key, drawn(key, shape));
  return file(`${name}.safetensors`, Buffer.concat([...encodeSafetensors(tensors)]));
}

const CASES: Record<string, { weights: () => string; config: () => string; set: string[] }> = {
  'torchvision-vgg16': {
    weights: () => fixture('torchvision-vgg16.safetensors'),
    config: () => narrowVgg(false),
    set: TORCH,
  },
  'torchvision-vgg16-bn-half': {
    weights: () => fixture('torchvision-vgg16-bn-half.safetensors'),
    config: () => narrowVgg(true),
    set: TORCH,
  },
  'timm-vgg16-brain': {
    weights: () => fixture('timm-vgg16-brain.safetensors'),
    config: () => narrowVgg(false),
    set: TORCH,
  },
  resnet50: {
    weights: () => drawnFile('resnet50'),
    config: () => narrow('imagenet-resnet50-pretrained', 1, 1, 64),
    set: TORCH,
  },
  inception_v3: {
    weights: () => drawnFile('inception_v3'),
    config: () => narrowInception(),
    set: TORCH,
  },
  modelB: {
    weights: () => fixture('modelB.caffemodel'),
    config: () => narrow('places2-modelB', 32, 256, 224),
    set: CAFFE,
  },
  'caffe-old-format': {
    weights: () => fixture('caffe-old-format.caffemodel'),
    config: () => file('old.yaml', OLD_FORMAT),
    set: CAFFE,
  },
};

/** Without the auxiliary head, which does not fit the small input. */
function narrowInception(): string {
  const { data, model, losses, ...rest } = resolved('imagenet-inception-v3');
  return file(
    'inception.yaml',
    stringify({
      ...rest,
      data: { ...data, classes: 5, crop: 107, resize: 107 },
      model: { ...model, input: [107, 107, 3] },
      losses: losses.slice(0, 1),
      training: { steps: 1, batchSize: 2 },
    }),
  );
}

describe.each(Object.keys(CASES))('%s', (name) => {
  it('computes what the other program computes', async () => {
    const { weights, config, set } = CASES[name]!;
    const run = join(folder, `run-${name}`);
    const options = { config: config(), set, out: run, classes };
    const result = await importCommand(weights(), options);
    const checkpoint = findCheckpoint(result.run, 'best');
    expect(openCheckpoint(checkpoint).state).toMatchObject({
      step: 0,
      classes: ['bay', 'cliff', 'dune', 'forest', 'glacier'],
    });
    const model = openModel(openCheckpoint(checkpoint), engine, {});
    try {
      const { size, logits } = reference(name);
      const found = networkScores(model.network, model.preprocessing, drawnImages(size, 2)).logits;
      const expected = logits.flat();
      const largest = Math.max(...expected.map(Math.abs));
      const difference = Math.max(...expected.map((value, i) => Math.abs(value - found[i]!)));
      if (process.env.RELAYBP_SHOW_ERRORS)
        console.log(`${name}: ${(difference / largest).toExponential(1)}`);
      expect(difference / largest).toBeLessThan(2e-5);
      // The images are told apart, so that nothing is right by being constant.
      expect(
        Math.max(...logits[0]!.map((value, c) => Math.abs(value - logits[1]![c]!))),
      ).toBeGreaterThan(0.01 * largest);
    } finally {
      model.close();
    }
  });
});

it('the run is tested as the weights were published, save for what --set says', async () => {
  const notices: string[] = [];
  const { run, preprocessing } = await importCommand(
    fixture('torchvision-vgg16.safetensors'),
    {
      config: narrowVgg(false),
      out: join(folder, 'run-published'),
      classes,
      preprocessing: 'VGG16_Weights.IMAGENET1K_V1',
      set: ['data.resize=240'],
    },
    { notice: (line) => notices.push(line) },
  );
  const { state } = openCheckpoint(findCheckpoint(run, 'best'));
  expect(state.config.data).toMatchObject({
    resize: 240,
    crop: 224,
    interpolation: 'bilinear',
    protocol: 'torchvision',
    mean: [123.675, 116.28, 103.53],
    std: [58.395, 57.12, 57.375],
  });
  expect(preprocessing?.source).toBe("torchvision's (VGG16_Weights.IMAGENET1K_V1)");
  expect(notices[0]).toContain(
    "evaluation preprocessing: torchvision's (VGG16_Weights.IMAGENET1K_V1): data.resize=256 data.crop=224",
  );
  expect(notices).toContain('--set has instead: data.resize');
});
