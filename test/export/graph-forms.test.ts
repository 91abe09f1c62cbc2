/** Forms of an exported graph: without folding, of a fixed batch, of another size, with weights of float16. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { openEngine } from '../../src/engine/select.js';
import { DenseNetwork } from '../../src/eval/dense-network.js';
import { sizeFreeChain } from '../../src/export/any-size.js';
import { drawnPixels } from '../../src/export/example-images.js';
import type { ExportModel, GraphForm } from '../../src/export/exported-model.js';
import { toFloat16 } from '../../src/export/float16.js';
import { buildNetwork } from '../../src/export/graph.js';
import { onnxFile } from '../../src/export/onnx.js';
import { OnnxGraph } from '../../src/export/onnx-graph.js';
import { type PixelBatch, runtimeOf, type Scores } from '../../src/export/runtimes.js';
import { doubtful, excessOf, networkScores } from '../../src/export/verify.js';
import { read } from '../../src/export/wire.js';
import { writeExport } from '../../src/export/write.js';
import { FOREIGN_DTYPES } from '../../src/import/dtypes.js';
import { planDense } from '../../src/model/dense-form.js';
import { messageType } from '../../src/protos.js';
import type { NamedTensor } from '../../src/safetensors.js';
import { modelOf, NETWORKS } from './networks.js';
import { verify } from './verified.js';

const FORMATS = ['onnx', 'tfjs', 'saved-model'] as const;
type Weights = ReadonlyMap<string, NamedTensor>;

const plan = NETWORKS['every layer']!();
const trained = modelOf(plan, { meanImage: false });
const folder = mkdtempSync(join(tmpdir(), 'relaybp-forms-'));
let engine: Engine;

beforeAll(async () => {
  engine = await openEngine('wasm');
});
afterAll(() => rmSync(folder, { recursive: true }));

const inForm = (form: Partial<GraphForm>, weights: Weights = trained.weights): ExportModel => ({
  ...trained,
  weights,
  graph: { ...trained.graph, ...form },
});

function scores(batch: PixelBatch, weights: Weights = trained.weights, of = plan): Scores {
  const { config, network, primary } = of;
  const own = new DenseNetwork(engine, config, network, primary.name, weights);
  try {
    return networkScores(own, trained.preprocessing, batch);
  } finally {
    own.dispose();
  }
}

/** Exports, runs and compares. @returns the file's path, or null where the program is not installed */
async function tested(
  format: (typeof FORMATS)[number],
  name: string,
  model: ExportModel,
  { batch, expected }: { batch: PixelBatch; expected: Scores },
): Promise<string | null> {
  const runtime = await runtimeOf(format);
  if ('missing' in runtime) {
    if (process.env.RELAYBP_REQUIRE_NATIVE === '1') expect.fail(runtime.missing);
    console.warn(`skipped: ${format}: ${runtime.missing}`);
    return null;
  }
  const out = join(folder, `${name}.${format}`);
  await writeExport(model, format, out, async (path) => {
    const { logits } = await verify(runtime, path, batch, expected);
    expect(logits).toBeLessThan(2e-5);
  });
  return out;
}

describe.each(FORMATS)('%s', (format) => {
  const batch = drawnPixels(trained.graph.size, 2);

  it('batch normalizations on their own', async () => {
    const model = inForm({ foldBatchNorm: false });
    await tested(format, 'unfolded', model, { batch, expected: scores(batch) });
  });

  it('of another size, and of so many images: VGG-16', async () => {
    const vgg = NETWORKS['VGG-16']!();
    const size = [96, 73] as const;
    const { layers } = planDense(vgg.config, vgg.network, vgg.primary.name, size);
    const whole = modelOf(vgg, { meanImage: false });
    const other = drawnPixels(size, 3);
    const graph = { ...whole.graph, size, batch: 3 };
    const expected = scores(other, whole.weights, vgg);
    await tested(format, 'sized', { ...whole, chain: layers, graph }, { batch: other, expected });
  });

  it('weights of float16 are those of float32, rounded', async () => {
    const rounded = new Map(
      [...trained.weights].map(([name, { shape, values }]): [string, NamedTensor] => {
        if (shape.length === 1) return [name, { shape, values }];
        const bytes = Uint8Array.from(new Uint8Array(toFloat16(values, name).buffer));
        return [name, { shape, values: FOREIGN_DTYPES.F16!.convert!(bytes) }];
      }),
    );
    const expected = scores(batch, rounded);
    expect(expected.logits).not.toEqual(scores(batch).logits);
    const model = inForm({ weights: 'float16', foldBatchNorm: false });
    await tested(format, 'half', model, { batch, expected });
  });
});

describe('of any size', () => {
  const resnet = NETWORKS['ResNet-50']!();
  const model = modelOf(resnet, { meanImage: false });
  const planAt = (of: typeof plan) => (size: readonly [number, number]) => [
    ...planDense(of.config, of.network, of.primary.name, size).layers,
  ];

  it.each(FORMATS)('%s: ResNet-50', async (format) => {
    const runtime = await runtimeOf(format);
    if ('missing' in runtime) return;
    const chain = sizeFreeChain(planAt(resnet), model.graph.size);
    const out = join(folder, `any.${format}`);
    const graph = { ...model.graph, anySize: true };
    await writeExport({ ...model, chain, graph }, format, out, async () => {});
    const { config, network, primary } = resnet;
    const own = new DenseNetwork(engine, config, network, primary.name, model.weights);
    for (const size of [
      [96, 96],
      [109, 102],
      [64, 131],
    ] as const) {
      const batch = drawnPixels(size, 2);
      const expected = networkScores(own, model.preprocessing, batch);
      expect((await verify(runtime, out, batch, expected)).logits).toBeLessThan(2e-5);
    }
    own.dispose();
  });

  it.each(['model A, SPP of 7x7 maps', 'model B, SPP with ceil rounding'])(
    '%s is not: a layer that depends on the size is named',
    (name) => {
      const of = NETWORKS[name]!();
      const { crop } = of.config.data;
      expect(() => sizeFreeChain(planAt(of), [crop, crop])).toThrow(
        /--size any: \S+ \(.+\) pads or divides the map otherwise for other sizes/,
      );
    },
  );
});

it('onnx: folding leaves no scales of its own behind, and float16 weights take half the space', async () => {
  const nodes = (form: Partial<GraphForm>): { opType: string; name: string }[] => {
    const bytes = Buffer.concat([...read(onnxFile(inForm(form)))]);
    const file = messageType('onnx', 'ModelProto').decode(bytes) as unknown as {
      graph: { node: { opType: string; name: string }[] };
    };
    return file.graph.node;
  };
  const scaled = (form: Partial<GraphForm>): number =>
    nodes(form).filter(({ opType }) => opType === 'Mul').length;
  // The pixels, a batch normalization after branches, of the pyramid, and two after a ReLU; five more are folded.
  expect(scaled({ foldBatchNorm: false }) - scaled({})).toBeGreaterThanOrEqual(5);
  const bytes = async (form: Partial<GraphForm>): Promise<number> => {
    const out = join(folder, `${form.weights}.onnx`);
    await writeExport(inForm(form), 'onnx', out, async () => {});
    return statSync(out).size;
  };
  const saved = (await bytes({ weights: 'float32' })) - (await bytes({ weights: 'float16' }));
  const large = [...trained.weights.values()].filter(({ shape }) => shape.length > 1);
  const values = large.reduce((sum, tensor) => sum + tensor.values.length, 0);
  expect(saved).toBeGreaterThan(2 * values - 200 * large.length);
});

it('a batch normalization after a fully connected layer is folded, too', () => {
  const fc = {
    type: 'fc',
    name: 'fc1',
    input: [2],
    output: [3],
    parameters: [{ name: 'fc1.weight', shape: [2, 3], axes: [], initializer: { type: 'zeros' } }],
    multiplyAdds: 6,
    frozen: false,
    relu: false,
  };
  const names = ['weight', 'bias', 'running_mean', 'running_var'].map((name) => `bn.${name}`);
  const bn = {
    ...fc,
    type: 'batchnorm',
    name: 'bn',
    input: [3],
    parameters: names.map((name) => ({ ...fc.parameters[0], name, shape: [3] })),
    momentum: 0.1,
    epsilon: 0,
    relu: true,
  };
  const tensor = (shape: number[], values: number[]): NamedTensor => ({
    shape,
    values: Float32Array.from(values),
  });
  const weights = new Map([
    ['fc1.weight', tensor([2, 3], [1, 2, 3, 4, 5, 6])],
    ['bn.weight', tensor([3], [1, 1, 2])],
    ['bn.bias', tensor([3], [0, 1, 0])],
    ['bn.running_mean', tensor([3], [1, 0, 0])],
    ['bn.running_var', tensor([3], [4, 1, 1])],
  ]);
  const chain = [fc, bn] as unknown as ExportModel['chain'];
  const graph = new OnnxGraph({ halfWeights: false, anySize: false });
  buildNetwork(graph, { chain, weights, graph: trained.graph }, 'x');
  const values = new Map(graph.initializers.map(({ name, read }) => [name, [...read()]]));
  expect(graph.nodes.map(({ opType }) => opType)).toEqual(['Gemm', 'Relu']);
  expect(values.get('fc1.weight')).toEqual([0.5, 2, 6, 2, 5, 12]);
  expect(values.get('bn.shift')).toEqual([-0.5, 1, 0]);
});

it.each([
  [56, 5e-5],
  [128, 3e-4],
])('long averages: over a side of %d off by less than %d', (side, most) => {
  const x = engine.tensor(new Float32Array(side * side).fill(0.1), [1, side, side, 1]);
  const none = [0, 0, 0, 0] as const;
  const { y, saved } = engine.pool(x, {
    kind: 'average',
    kernel: [side, side],
    stride: [1, 1],
    padding: none,
    counted: none,
  });
  expect(Math.abs(engine.read(y)[0]! / 0.1 - 1)).toBeLessThan(most);
  engine.release(saved);
  for (const tensor of [x, y]) engine.dispose(tensor);
});

it('--allow-differences: what is wrong is an error, or where it is allowed said', () => {
  const runtime = { name: 'onnxruntime 1.30.0', run: async () => expect.fail() };
  const excess = excessOf(runtime, { probabilities: 2e-4, logits: 1e-6 })!;
  expect(excess).toContain('onnxruntime 1.30.0 computes something else from the export');
  expect(excessOf(runtime, { probabilities: 1e-5, logits: 1e-5 })).toBeNull();
  expect(excessOf(runtime, { probabilities: Number.NaN, logits: 0 })).not.toBeNull();
  const said: string[] = [];
  expect(() => doubtful(excess, false, (line) => said.push(line))).toThrow(excess);
  expect(said).toEqual([]);
  doubtful(excess, true, (line) => said.push(line));
  expect(said).toEqual([`kept all the same: ${excess}`]);
});
