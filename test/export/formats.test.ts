/**
 * Every kind of layer and every family of networks, in every format, run by the program that the format is for
 * and compared with relaybp's own engine.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { openEngine } from '../../src/engine/select.js';
import { DenseNetwork } from '../../src/eval/dense-network.js';
import { drawnPixels } from '../../src/export/example-images.js';
import type { ExportModel } from '../../src/export/exported-model.js';
import { onnxFile } from '../../src/export/onnx.js';
import { runtimeOf, type Scores } from '../../src/export/runtimes.js';
import { networkScores, TOLERANCE } from '../../src/export/verify.js';
import { read, size } from '../../src/export/wire.js';
import { writeExport } from '../../src/export/write.js';
import { maskedCrc } from '../../src/masked-crc.js';
import { messageType } from '../../src/protos.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  safetensorsMetadata,
} from '../../src/safetensors.js';
import { modelOf, NETWORKS } from './networks.js';
import { verify } from './verified.js';

/** `RELAYBP_KEEP_EXPORTS` names a folder for scripts/compatibility/exports.py: the exports, and what they must say. */
const kept = process.env.RELAYBP_KEEP_EXPORTS;
const folder = kept ?? mkdtempSync(join(tmpdir(), 'relaybp-export-'));
let engine: Engine;

beforeAll(async () => {
  engine = await openEngine('wasm');
});
afterAll(() => {
  if (kept === undefined) rmSync(folder, { recursive: true });
});

/** What relaybp's own engine says. */
function expectedScores(name: string, model: ExportModel): Scores {
  const plan = NETWORKS[name]!();
  const { config, network, primary } = plan;
  const own = new DenseNetwork(engine, config, network, primary.name, model.weights);
  try {
    return networkScores(own, model.preprocessing, drawnPixels(model.graph.size, 2));
  } finally {
    own.dispose();
  }
}

const fileName = (name: string): string => name.replaceAll(/\W/g, '-');

/** The pixels and the scores of an export, beside it. */
function keepScores(name: string, { graph, classes }: ExportModel, scores: Scores) {
  const { count, size, values } = drawnPixels(graph.size, 2);
  const tensors = new Map([
    ['pixels', { shape: [count, ...size, 3], values }],
    ['logits', { shape: [count, classes.length], values: scores.logits }],
    ['probabilities', { shape: [count, classes.length], values: scores.probabilities }],
  ]);
  writeFileSync(
    join(folder, `${fileName(name)}.scores.safetensors`),
    Buffer.concat([...encodeSafetensors(tensors)]),
  );
}

describe.each(Object.keys(NETWORKS))('%s', (name) => {
  const model = modelOf(NETWORKS[name]!(), { meanImage: name === 'every layer' });
  let expected: Scores;
  beforeAll(() => {
    expected = expectedScores(name, model);
    if (kept !== undefined) keepScores(name, model, expected);
  });

  it.each(['onnx', 'tfjs', 'saved-model'] as const)('%s', async (format) => {
    const runtime = await runtimeOf(format);
    if ('missing' in runtime) {
      if (process.env.RELAYBP_REQUIRE_NATIVE === '1') expect.fail(runtime.missing);
      return console.warn(`skipped: ${format}: ${runtime.missing}`);
    }
    const out = join(folder, `${fileName(name)}.${format}`);
    const before = engine.tensorCount();
    let difference = { logits: Number.NaN, probabilities: Number.NaN };
    await writeExport(model, format, out, async (path) => {
      const batch = drawnPixels(model.graph.size, 2);
      difference = await verify(runtime, path, batch, expected);
    });
    expect(existsSync(out)).toBe(true);
    expect(difference.probabilities).toBeLessThanOrEqual(TOLERANCE);
    expect(difference.logits).toBeLessThanOrEqual(2e-5);
    expect(Math.max(...expected.probabilities.slice(0, 5))).toBeGreaterThan(0.25);
    expect(engine.tensorCount()).toBe(before);
  });
});

const layers = (): ExportModel => modelOf(NETWORKS['every layer']!(), { meanImage: true });

describe('what is in the files', () => {
  it('safetensors: the weights bit by bit, without other heads, and the metadata', async () => {
    const out = join(folder, 'weights.safetensors');
    await writeExport(layers(), 'safetensors', out, async () => {});
    const file = readFileSync(out);
    const tensors = decodeSafetensors(file, out);
    for (const [name, { values }] of layers().weights)
      expect(tensors.get(name)?.values).toEqual(values);
    expect([...tensors.keys()].filter((name) => name.startsWith('auxiliary'))).toEqual([]);
    expect(tensors.get('normalization.mean')?.shape).toEqual([41, 41, 3]);
    expect(tensors.get('normalization.std')?.values).toEqual(Float32Array.of(58, 57, 55));
    const metadata = JSON.parse(safetensorsMetadata(file, out).relaybp!);
    expect(metadata).toMatchObject({ formatVersion: 1, classes: layers().classes });
  });

  it('onnx: metadata, names, and no other head', async () => {
    const ort = await import('onnxruntime-node');
    const pieces = onnxFile(layers());
    const bytes = Buffer.concat([...read(pieces)]);
    expect(bytes.byteLength).toBe(size(pieces));
    const session = await ort.InferenceSession.create(bytes);
    expect(session.inputNames).toEqual(['pixels']);
    expect(session.outputNames).toEqual(['logits', 'probabilities']);
    await session.release();
    const text = bytes.toString('latin1');
    expect(text).not.toContain('auxiliary');
    expect(text).toContain('"layout":"NCHW"');
    expect(text).toContain('"classes":["bay","cliff","dune","forest","glacier"]');
  });

  it('onnx: attributes that are zero are written, as OpenCV refuses them otherwise', () => {
    const bytes = Buffer.concat([...read(onnxFile(layers()))]);
    const file = messageType('onnx', 'ModelProto').decode(bytes) as unknown as {
      graph: { node: { opType: string; attribute: { name: string }[] }[] };
    };
    const averages = file.graph.node.filter(({ opType }) => opType === 'AveragePool');
    expect(averages.length).toBeGreaterThan(3);
    for (const { attribute } of averages) {
      const counted = attribute.find(({ name }) => name === 'count_include_pad');
      expect(Object.hasOwn(counted!, 'i')).toBe(true);
    }
  });

  it('tfjs: shards of the manifest, signature and metadata', async () => {
    const out = join(folder, 'layers-tfjs');
    await writeExport(layers(), 'tfjs', out, async () => {});
    const json = JSON.parse(readFileSync(join(out, 'model.json'), 'utf8'));
    expect(readdirSync(out).sort()).toEqual(
      [...json.weightsManifest[0].paths, 'model.json'].sort(),
    );
    expect(json.signature.outputs.probabilities).toMatchObject({ name: 'probabilities:0' });
    expect(json.userDefinedMetadata.relaybp).toMatchObject({
      input: { layout: 'NHWC', channels: 'RGB', range: [0, 255], shape: ['batch', 41, 41, 3] },
      preprocessing: {
        resize: { shorterSide: 44, keepAspectRatio: true },
        crop: { height: 41, width: 41, position: 'centre' },
        normalization: { inGraph: true, meanImage: true, std: [58, 57, 55] },
      },
    });
  });

  it('saved-model: variables with their checksums', async () => {
    const out = join(folder, 'layers-saved-model');
    await writeExport(layers(), 'saved-model', out, async () => {});
    const data = readFileSync(join(out, 'variables/variables.data-00000-of-00001'));
    const index = readFileSync(join(out, 'variables/variables.index'));
    const { values } = layers().weights.get('primary.fc1.weight')!;
    const bytes = Buffer.from(values.buffer);
    expect(data.indexOf(bytes)).toBeGreaterThan(0);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32LE(maskedCrc(bytes));
    expect(index.indexOf(checksum)).toBeGreaterThan(index.indexOf('primary.fc1.weight'));
    // The check value of CRC-32C is 0xe3069283; rotated right by 15 and with the constant added:
    expect(maskedCrc(Buffer.from('123456789'))).toBe(0xc78ab0e5);
    expect(index.subarray(-8).toString('hex')).toBe('57fb808b247547db'); // LevelDB's magic number
  });

  it('a failed check leaves nothing behind, and the old export where it was', async () => {
    const out = join(folder, 'kept.onnx');
    await writeExport(layers(), 'onnx', out, async () => {});
    const before = readFileSync(out);
    const runtime = await runtimeOf('onnx');
    if ('missing' in runtime) return expect.fail(runtime.missing);
    const batch = drawnPixels([41, 41], 2);
    const wrong = { logits: new Float32Array(10).fill(1), probabilities: new Float32Array(10) };
    const write = writeExport(layers(), 'onnx', out, async (path) => {
      await verify(runtime, path, batch, wrong);
    });
    await expect(write).rejects.toThrow(/computes something else/);
    expect(readFileSync(out).equals(before)).toBe(true);
    expect(readdirSync(folder).filter((file) => file.includes('.writing-'))).toEqual([]);
  });
});
