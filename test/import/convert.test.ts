import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { planExperiment } from '../../src/experiment/experiment-plan.js';
import { readCaffeModel } from '../../src/import/caffemodel.js';
import { convert } from '../../src/import/convert.js';
import { FOREIGN_DTYPES } from '../../src/import/dtypes.js';
import type { WeightFile } from '../../src/import/weight-file.js';
import { chainOf } from '../../src/model/dense-form.js';
import type { LayerPlan } from '../../src/model/layers/table.js';
import type { NamedTensor } from '../../src/safetensors.js';

const chain = (layers: string, head: string): LayerPlan[] => {
  const plan = planExperiment(
    parseConfig(
      `version: 1
name: c
data: {root: x, classes: 2, resize: 2, crop: 2}
model: {input: [2, 2, 3], segments: [{name: seg1, layers: [${layers}]}]}
losses: [{name: primary, after: seg1, head: [${head}]}]
optimizer: {lr: 0.1}
training: {steps: 1, batchSize: 2}`,
      'c',
    ),
  );
  return chainOf(plan.network, 'primary');
};

const counting = (shape: number[]): NamedTensor => ({
  shape,
  values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
});
const caffe = (tensors: Record<string, NamedTensor>): WeightFile => ({
  format: 'caffemodel',
  tensors: new Map(Object.entries(tensors)),
});

const conv = 'conv: {filters: 2, kernel: 1, bias: false}';
const SPP = chain(conv, 'spp: [2, 1], fc: {units: 2, bias: false}');

describe('layouts', () => {
  // Filter [out 2, in 3, 1, 1] holds 0..5: out 0 takes 0, 1, 2 from its three inputs.
  const filter = counting([2, 3, 1, 1]);

  it('filters become [height, width, in, out]; bgr turns the inputs round', () => {
    // Two maps of 2x2 and two of 1x1, channel-first: map 0 is inputs 0-3, map 1 is 4-7, then 8 and 9.
    const source = caffe({ 'a.weight': filter, 'b.weight': counting([2, 10]) });
    const weight = (order: 'rgb' | 'bgr') =>
      convert(source, 'f', SPP, order).weights.get('conv1_1.weight')!;
    expect(weight('rgb')).toEqual({
      shape: [1, 1, 3, 2],
      values: Float32Array.of(0, 3, 1, 4, 2, 5),
    });
    expect(weight('bgr').values).toEqual(Float32Array.of(2, 5, 1, 4, 0, 3));
  });

  it('rows of a fully connected layer are reordered level by level', () => {
    const source = caffe({ 'a.weight': filter, 'b.weight': counting([2, 10]) });
    const { weights } = convert(source, 'f', SPP, 'bgr');
    // relaybp reads position after position, both channels of each: inputs 0, 4, 1, 5, 2, 6, 3, 7, then 8, 9.
    const rows = [0, 4, 1, 5, 2, 6, 3, 7, 8, 9].flatMap((input) => [input, 10 + input]);
    expect(weights.get('primary.fc1.weight')).toEqual({
      shape: [10, 2],
      values: Float32Array.from(rows),
    });
  });

  it('a fully connected layer on the image itself takes the image by channels', () => {
    const source = caffe({ 'b.weight': counting([2, 12]) });
    const layers = chain('maxpool: {size: 1}', 'fc: {units: 2, bias: false}');
    const first = (order: 'rgb' | 'bgr') =>
      [0, 1, 2].map(
        (row) =>
          convert(source, 'f', layers, order).weights.get('primary.fc1.weight')!.values[2 * row],
      );
    expect(first('rgb')).toEqual([0, 4, 8]);
    expect(first('bgr')).toEqual([8, 4, 0]);
  });

  it('branches that end in vectors: part after part', () => {
    const layers = chain(
      conv,
      'branches: {paths: [[spp: [2]], [avgpool: {size: global}, fc: {units: 1, bias: false}]]}, fc: {units: 2, bias: false}',
    );
    const source = caffe({
      'a.weight': filter,
      'b.weight': counting([1, 2]),
      'c.weight': counting([2, 9]),
    });
    const { values } = convert(source, 'f', layers, 'rgb').weights.get('primary.fc1.weight')!;
    expect([...values].filter((_, i) => i % 2 === 0)).toEqual([0, 4, 1, 5, 2, 6, 3, 7, 8]);
  });

  it('half precision and bfloat16', () => {
    const bytes = (...values: number[]) => new Uint8Array(Uint16Array.from(values).buffer);
    const half = FOREIGN_DTYPES.F16!.convert!(bytes(0x3c00, 0xc000, 0x0001, 0x3555, 0x7c00));
    expect([...half]).toEqual([1, -2, 2 ** -24, 0.333251953125, Number.POSITIVE_INFINITY]);
    expect(FOREIGN_DTYPES.F16!.convert!(bytes(0x7e00))[0]).toBeNaN();
    expect([...FOREIGN_DTYPES.BF16!.convert!(bytes(0x3f80, 0xc000, 0x3eab))]).toEqual([
      1, -2, 0.333984375,
    ]);
  });
});

describe('what does not fit is named', () => {
  const vgg = (extra: Record<string, NamedTensor>): WeightFile => ({
    format: 'safetensors',
    tensors: new Map(Object.entries({ 'features.0.weight': counting([2, 3, 1, 1]), ...extra })),
  });
  it.each<[string, WeightFile, RegExp]>([
    [
      'too few layers',
      vgg({}),
      /1 layers with weights, but the config's network has 2; after the 1 that both have, the config goes on with primary.fc1/,
    ],
    [
      'too many layers',
      vgg({ 'classifier.0.weight': counting([2, 10]), 'classifier.3.weight': counting([2, 2]) }),
      /the file goes on with classifier\.3/,
    ],
    [
      'another shape',
      vgg({ 'classifier.0.weight': counting([2, 8]) }),
      /classifier\.0\.weight is \[2, 8\], but primary\.fc1 needs \[2, 10\]/,
    ],
    [
      'a bias too much',
      vgg({ 'classifier.0.weight': counting([2, 10]), 'classifier.0.bias': counting([2]) }),
      /classifier\.0 has a bias, primary\.fc1 has none/,
    ],
    [
      'other names',
      { format: 'safetensors', tensors: new Map([['blocks.0.attn.weight', counting([2, 2])]]) },
      /its names are neither .* it has blocks\.0\.attn\.weight/,
    ],
  ])('%s', (_, source, message) => {
    expect(() => convert(source, 'w.safetensors', SPP, 'rgb')).toThrow(message);
  });

  it('a bias too few', () => {
    const layers = chain(
      'conv: {filters: 2, kernel: 1}',
      'spp: [2, 1], fc: {units: 2, bias: false}',
    );
    expect(() =>
      convert(vgg({ 'classifier.0.weight': counting([2, 10]) }), 'f', layers, 'rgb'),
    ).toThrow(/no features\.0\.bias, which would become conv1_1\.bias/);
  });

  it('files that are no .caffemodel, or cut off', () => {
    expect(() => readCaffeModel(Buffer.from('not a network'), 'f')).toThrow(/f: /);
    expect(() => readCaffeModel(new Uint8Array(0), 'f')).toThrow(/no layer in it has weights/);
    // layer (field 100), 90 bytes long, of which 2 are there
    expect(() => readCaffeModel(Uint8Array.of(0xa2, 0x06, 90, 10, 0), 'f')).toThrow(
      /not a valid \.caffemodel/,
    );
  });

  it('Caffe layers with other weights', () => {
    // layer { name: "b" type: "BatchNorm" blobs { shape { dim: 1 } data: 1 } }
    const blob = [58, 3, 10, 1, 1, 42, 4, 0, 0, 128, 63];
    const type = Buffer.from('BatchNorm');
    const layer = [10, 1, 98, 18, type.length, ...type, 58, blob.length, ...blob];
    expect(() => readCaffeModel(Uint8Array.of(0xa2, 0x06, layer.length, ...layer), 'f')).toThrow(
      /layer "b" is of the type BatchNorm/,
    );
  });
});
