/** Random input of every kind: either a sensible result or an error that says what is wrong, never a crash. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { printConfig } from '../../src/config/print.js';
import { classLists } from '../../src/data/index/class-lists.js';
import { IndexBuilder } from '../../src/data/index/image-index.js';
import { createSampler } from '../../src/data/sampling/sampler.js';
import { CheckpointError, ConfigError } from '../../src/errors.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  safetensorsMetadata,
} from '../../src/safetensors.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { times } from './support.js';

const RUNS = { numRuns: times(1500, 10_000) };

/** @throws what `work` throws, unless it is an error of this kind with something to say */
function orSays<T>(kind: new (...args: never[]) => Error, work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof kind) || error.message.length < 10) throw error;
    return null;
  }
}

describe(`the config loader (${RUNS.numRuns} cases each)`, () => {
  const load = (text: string, overrides: string[] = []) =>
    orSays(ConfigError, () => parseConfig(text, 'a.yaml', overrides));

  it('takes any text', () => {
    const yaml = fc.string({ unit: fc.constantFrom(...'ab:-?[]{}&*!|>\'"%@`#,\\ \n\t0~<=.$') });
    fc.assert(
      fc.property(fc.oneof(yaml, fc.string({ unit: 'binary' })), (text) => void load(text)),
      RUNS,
    );
  });

  it('takes any JSON as YAML', () => {
    const keys = fc.oneof(
      fc.constantFrom(
        'version',
        'name',
        'data',
        'model',
        'losses',
        'training',
        'extends',
        '__proto__',
        'constructor',
        'toString',
        'remove',
      ),
      fc.string(),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.oneof(fc.constant(null), fc.boolean(), fc.double({ noNaN: true }), fc.string()),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(keys, tie('value'), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(keys, value), (data) => void load(JSON.stringify(data))),
      RUNS,
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('takes a valid config with any piece cut out, doubled or replaced; what it accepts loads again to the same', () => {
    const place = fc.nat(SMALL_CONFIG.length);
    const change = fc.record({
      from: place,
      length: fc.nat(40),
      text: fc.oneof(
        fc.string({ maxLength: 12 }),
        fc.constantFrom('0', '-1', '1e9', '.nan', '[]', '{}', 'null', '\n', '  ', '*a', '&a '),
      ),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        let text = SMALL_CONFIG;
        for (const { from, length, text: by } of changes)
          text = text.slice(0, from) + by + text.slice(from + length);
        const loaded = load(text);
        if (loaded)
          expect(parseConfig(printConfig(loaded.config), 'again').config).toEqual(loaded.config);
      }),
      RUNS,
    );
  });

  it('takes any --set', () => {
    const key = fc.oneof(
      fc.constantFrom(
        'training.epochs',
        'losses.primary.weight',
        'losses.0.head',
        'model.segments.seg1.layers.0.conv.filters',
        'data',
        '__proto__.x',
        'a..b',
        '.',
        'losses.9',
        'optimizer',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(
        key,
        fc.oneof(fc.string(), fc.json()),
        (path, value) => void load(SMALL_CONFIG, [`${path}=${value}`]),
      ),
      RUNS,
    );
  });
});

describe(`the safetensors reader (${RUNS.numRuns} cases each)`, () => {
  const decode = (file: Uint8Array) =>
    orSays(CheckpointError, () => {
      safetensorsMetadata(file, 'f.safetensors');
      return decodeSafetensors(file, 'f.safetensors');
    });
  const shape = fc.array(fc.nat(4), { maxLength: 4 });
  const tensors = fc.array(fc.tuple(fc.string(), shape), { maxLength: 4 }).map(
    (list) =>
      new Map(
        list
          .filter(([name]) => name !== '__metadata__')
          .map(([name, sizes], i) => {
            const length = sizes.reduce((product, size) => product * size, 1);
            return [
              name,
              { shape: sizes, values: Float32Array.from({ length }, (_, k) => i + k / 7) },
            ];
          }),
      ),
  );
  const encoded = tensors.map((all) => Buffer.concat([...encodeSafetensors(all)]));

  it('reads what was written', () => {
    fc.assert(
      fc.property(tensors, (all) => {
        expect(decode(Buffer.concat([...encodeSafetensors(all)]))).toEqual(all);
      }),
      RUNS,
    );
  });

  it('takes any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decode(bytes)),
      RUNS,
    );
  });

  it('takes any JSON as header', () => {
    const entry = fc.record(
      {
        dtype: fc.oneof(fc.constant('F32'), fc.jsonValue()),
        shape: fc.oneof(shape, fc.jsonValue()),
        data_offsets: fc.oneof(fc.tuple(fc.nat(64), fc.nat(64)), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    const header = fc.oneof(
      fc.dictionary(fc.string(), fc.oneof(entry, fc.jsonValue()), { maxKeys: 4 }),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(
        header,
        fc.nat(64),
        fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
        (data, body, claim) => {
          const json = Buffer.from(JSON.stringify(data));
          const length = Buffer.alloc(8);
          length.writeBigUInt64LE(claim ?? BigInt(json.length));
          const file = Buffer.concat([length, json, Buffer.alloc(body)]);
          const read = decode(file);
          // Nothing is made of what is not there.
          const bytes = [...(read?.values() ?? [])].reduce(
            (sum, { values }) => sum + values.byteLength,
            0,
          );
          expect(bytes).toBeLessThanOrEqual(file.length);
        },
      ),
      RUNS,
    );
  });

  it('takes a valid file with bytes changed and cut off', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(encoded, changes, fc.nat(), (file, all, cut) => {
        const bytes = Buffer.from(file);
        for (const [at, value] of all) bytes[at % bytes.length] = value;
        decode(bytes.subarray(0, bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0)));
      }),
      RUNS,
    );
  });
});

describe(`the samplers (${RUNS.numRuns} cases each)`, () => {
  /** Sizes of classes; some are empty. At least one image. */
  const sizes = fc
    .array(fc.oneof(fc.nat(6), fc.nat(30)), { minLength: 1, maxLength: 12 })
    .filter((all) => all.some((n) => n > 0));
  function dataset(counts: number[]) {
    const builder = new IndexBuilder();
    counts.forEach((count, label) => {
      for (let i = 0; i < count; i++) builder.add(Buffer.from(`${label}/${i}`), label, 1);
    });
    return builder.build('', counts.map(String));
  }
  const kinds = ['class-aware', 'shuffle', 'sequential'] as const;
  const positions = fc.array(fc.oneof(fc.nat(1000), fc.nat(2 ** 31), fc.maxSafeNat()), {
    minLength: 1,
    maxLength: 20,
  });

  it('any position gives an image of the set, the same at any time and in any order', () => {
    fc.assert(
      fc.property(
        sizes,
        fc.constantFrom(...kinds),
        fc.nat(),
        positions,
        (counts, kind, seed, all) => {
          const index = dataset(counts);
          const one = createSampler({ kind, seed }, index);
          const other = createSampler({ kind, seed }, index);
          const drawn = all.map((position) => one.at(position));
          for (const image of drawn)
            expect(Number.isInteger(image) && image >= 0 && image < index.count).toBe(true);
          expect(
            [...all]
              .reverse()
              .map((position) => other.at(position))
              .reverse(),
          ).toEqual(drawn);
        },
      ),
      RUNS,
    );
  });

  it('shuffle and sequential draw every image once per epoch, whichever epoch', () => {
    fc.assert(
      fc.property(
        sizes,
        fc.constantFrom(...kinds.slice(1)),
        fc.nat(),
        fc.nat(1000),
        (counts, kind, seed, epoch) => {
          const index = dataset(counts);
          const sampler = createSampler({ kind, seed }, index);
          const drawn = Array.from({ length: index.count }, (_, i) =>
            sampler.at(epoch * index.count + i),
          );
          expect(drawn.sort((a, b) => a - b)).toEqual([...index.labels.keys()]);
        },
      ),
      RUNS,
    );
  });

  it('class-aware draws every class with images once per pass, and the images of a class in turn', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(200), (counts, seed, first) => {
        const index = dataset(counts);
        const sampler = createSampler(
          { kind: 'class-aware', seed },
          index,
          classLists(index.labels, counts.length),
        );
        const filled = [...counts.keys()].filter((label) => counts[label]! > 0);
        const pass = (n: number) => filled.map((_, i) => sampler.at(n * filled.length + i));
        expect(
          pass(first)
            .map((image) => index.labels[image]!)
            .sort((a, b) => a - b),
        ).toEqual(filled);
        // As many passes as the class has images show each of them once, from a multiple of that number on.
        const [label] = filled;
        const size = counts[label!]!;
        const begin = Math.ceil(first / size) * size;
        const seen = Array.from(
          { length: size },
          (_, i) => pass(begin + i).find((image) => index.labels[image] === label)!,
        );
        expect(new Set(seen).size).toBe(size);
      }),
      RUNS,
    );
  });
});
