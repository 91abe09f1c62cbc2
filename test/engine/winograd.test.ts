/** Winograd's convolutions of the native engine (docs/decisions/winograd.md), beyond what the engine suite checks. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { winogradGain, winogradIsWorth } from '../../src/engine/convolution-form.js';
import { instructionSets } from '../../src/engine/cpu.js';
import type { Window } from '../../src/engine/engine.js';
import { locateNative } from '../../src/engine/locate.js';
import type { NativeEngine } from '../../src/engine/native/native-engine.js';
import { openNativeEngine } from '../../src/engine/native/opening/open.js';
import { boolAttribute, intAttribute } from '../../src/engine/native/runtime/attributes.js';
import type { Runtime } from '../../src/engine/native/runtime/runtime.js';
import { EngineError } from '../../src/errors.js';
import * as reference from './reference.js';
import { Context, masked, sizeOf } from './suite/context.js';

const location = locateNative();
const needed = location || process.env.RELAYBP_REQUIRE_NATIVE === '1';

const window = (...padding: [number, number, number, number]): Window => ({
  kernel: [3, 3],
  stride: [1, 1],
  padding,
});
const SAME = window(1, 1, 1, 1);

describe('the form of a convolution by its shape', () => {
  const gain = (channels: number, ...output: number[]) => winogradGain(SAME, channels, output);

  test.each([
    ['a large map', 64, [8, 224, 224, 64]],
    ['many channels', 512, [32, 8, 8, 512]],
    ['many channels, few images', 256, [8, 14, 14, 256]],
  ])("Winograd's: %s", (_what, channels, output) => {
    expect(winogradIsWorth(gain(channels, ...output))).toBe(true);
  });

  test.each([
    ['three channels', 3, [8, 224, 224, 64]],
    ['few pixels', 512, [1, 7, 7, 512]],
    ['nothing', 64, [0, 8, 8, 64]],
  ])('direct: %s', (_what, channels, output) => {
    expect(winogradIsWorth(gain(channels, ...output))).toBe(false);
  });

  test('direct where the window is none of 3x3 pixels, one apart', () => {
    const output = [8, 56, 56, 256];
    for (const [kernel, stride] of [
      [
        [3, 3],
        [2, 2],
      ],
      [
        [3, 3],
        [1, 2],
      ],
      [
        [1, 1],
        [1, 1],
      ],
      [
        [3, 1],
        [1, 1],
      ],
      [
        [5, 5],
        [1, 1],
      ],
    ] as const) {
      expect(winogradGain({ kernel, stride }, 256, output)).toBe(0);
    }
  });

  test('the gain grows with the map, up to 4', () => {
    const gains = [1, 2, 8, 64, 1024].map((batch) => gain(512, batch, 16, 16, 512));
    expect([...gains].sort((a, b) => a - b)).toEqual(gains);
    expect(gains.at(-1)).toBeGreaterThan(3.5);
    expect(gains.at(-1)).toBeLessThan(4);
  });
});

describe.runIf(needed)("Winograd's convolutions on the native engine", () => {
  let engine: NativeEngine;
  let context: Context;
  let before: number;

  beforeAll(async () => {
    engine = await openNativeEngine(location!, { convolution: 'winograd' });
  });
  beforeEach(() => {
    before = engine.tensorCount();
    context = new Context(engine);
  });
  afterEach(() => {
    context.giveUp();
    expect(engine.tensorCount(), 'tensors alive after the test').toBe(before);
  });
  afterAll(() => expect(engine.tensorCount()).toBe(0));

  const distance = (actual: ArrayLike<number>, expected: ArrayLike<number>): number => {
    let [error, norm] = [0, 0];
    for (let i = 0; i < expected.length; i++) {
      error += (actual[i]! - expected[i]!) ** 2;
      norm += expected[i]! ** 2;
    }
    return Math.sqrt(norm === 0 ? error : error / norm);
  };

  // Channels around the blocks of 16 and 32, maps around the tiles of 4x4, batches around a strip of tiles.
  test.each([
    [1, 1, 1, 1, 1, SAME],
    [1, 3, 3, 3, 5, window(0, 0, 0, 0)],
    [2, 4, 5, 16, 32, SAME],
    [5, 7, 6, 17, 33, SAME],
    [3, 13, 9, 48, 31, window(0, 0, 0, 0)],
    [2, 5, 11, 33, 20, window(2, 0, 1, 3)],
    [1, 2, 3, 8, 40, window(5, 4, 3, 6)],
    [15, 4, 4, 20, 24, SAME],
    [1, 6, 5, 600, 65, SAME],
    [1, 5, 6, 70, 600, SAME],
    [2, 22, 24, 64, 64, SAME],
    [1, 13, 10, 192, 130, SAME],
  ] as const)(
    '%d images of %dx%d, %d to %d channels, against float64',
    (batch, height, width, channels, outputs, at) => {
      const shape = [batch, height, width, channels] as const;
      const [outHeight, outWidth] = reference.outputSize(height, width, at);
      const outShape = [batch, outHeight, outWidth, outputs];
      const [x, filter, bias, dy] = [
        sizeOf(shape),
        9 * channels * outputs,
        outputs,
        sizeOf(outShape),
      ].map((size) => context.random(size)) as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      for (const relu of [true, false]) {
        const { y, saved } = context.ownForward(
          engine.conv(
            context.tensor(shape, x),
            context.tensor([3, 3, channels, outputs], filter),
            relu ? context.tensor([outputs], bias) : null,
            { window: at, relu },
          ),
        );
        expect(y.shape).toEqual(outShape);
        const values = engine.read(y);
        const expected = reference.conv(x, shape, filter, outputs, relu ? bias : null, at, relu);
        expect(distance(values, expected)).toBeLessThan(5e-6);
        const dz = relu ? masked(dy, values) : Float64Array.from(dy);
        const signal = context.tensor(outShape, dz);
        const { weight, bias: sums } = engine.convParameterGradient(saved, signal);
        if (sums) context.own(sums);
        const dx = engine.read(context.own(engine.convInputGradient(saved, signal)));
        const dw = reference.convFilterGradient(x, shape, dz, outputs, at);
        expect(distance(engine.read(context.own(weight)), dw)).toBeLessThan(5e-6);
        expect(
          distance(dx, reference.convInputGradient(shape, filter, dz, outputs, at)),
        ).toBeLessThan(5e-6);
      }
    },
  );

  test('what is no number, or infinite, shows in its tile and nowhere else', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const map = new Float32Array(12 * 12 * 16).fill(1);
      map[(5 * 12 + 6) * 16 + 3] = bad; // row 5, column 6: tile 1, 1 alone sees it
      const { y } = context.ownForward(
        engine.conv(context.tensor([1, 12, 12, 16], map), context.tensor([3, 3, 16, 8]), null, {
          window: SAME,
          relu: false,
        }),
      );
      const values = engine.read(y);
      for (let row = 0; row < 12; row++) {
        for (let column = 0; column < 12; column++) {
          const at = (row * 12 + column) * 8;
          const finite = [...values.subarray(at, at + 8)].every(Number.isFinite);
          const near = Math.abs(row - 5) <= 1 && Math.abs(column - 6) <= 1;
          const inTile = row >> 2 === 1 && column >> 2 === 1;
          if (near) expect(finite).toBe(false);
          if (!inTile) expect(finite).toBe(true);
        }
      }
    }
  });

  test('operands that do not fit are refused, with what is wrong', () => {
    const { runtime } = engine as unknown as { runtime: Runtime };
    const id = (...shape: number[]) =>
      runtime.value(context.tensor(shape, new Float32Array(sizeOf(shape))));
    const padding = intAttribute('padding', [1, 1, 1, 1]);
    const relu = boolAttribute('relu', false);
    const forward =
      (attributes: typeof padding, ...inputs: number[]) =>
      () =>
        runtime.run('RelaybpWinograd', [attributes, relu], inputs);
    const x = id(1, 4, 4, 3);
    const filter = id(3, 3, 3, 2);
    const none = id(0);
    expect(forward(padding, id(4, 4, 3), filter, none)).toThrow(
      /not \[batch, height, width, channels\]/,
    );
    expect(forward(padding, x, id(3, 3, 4, 2), none)).toThrow(
      /filter not \[3, 3, channels, outputs\]/,
    );
    expect(forward(padding, x, id(3, 1, 3, 2), none)).toThrow(EngineError);
    expect(forward(padding, x, filter, id(3))).toThrow(/bias is not \[outputs\]/);
    expect(forward(intAttribute('padding', [1, 1, 1]), x, filter, none)).toThrow(/four amounts/);
    expect(forward(intAttribute('padding', [1, 1, 1, -1]), x, filter, none)).toThrow(
      /out of range/,
    );
    const small = id(1, 1, 2, 3);
    expect(forward(intAttribute('padding', [0, 0, 0, 0]), small, filter, none)).toThrow(
      /do not fit/,
    );
    const sizes = runtime.ints([1, 4, 4, 3]);
    const dx =
      (...inputs: number[]) =>
      () =>
        runtime.run('RelaybpWinogradInputGradient', [padding], inputs);
    expect(dx(sizes, filter, id(1, 4, 5, 2))).toThrow(/does not fit the input's shape/);
    expect(dx(sizes, filter, id(1, 4, 4, 3))).toThrow(/does not fit/);
    expect(dx(runtime.ints([1, -4, 4, 3]), filter, id(1, 4, 4, 2))).toThrow(/negative/);
    expect(() =>
      runtime.run('RelaybpWinogradFilterGradient', [padding], [x, id(2, 4, 4, 2)]),
    ).toThrow(/does not fit the input/);
  });

  test('maps without images', () => {
    const empty = context.ownForward(
      engine.conv(context.tensor([0, 4, 4, 3]), context.tensor([3, 3, 3, 2]), null, {
        window: SAME,
        relu: false,
      }),
    );
    expect(empty.y.shape).toEqual([0, 4, 4, 2]);
    const dz = context.tensor([0, 4, 4, 2]);
    const { weight } = engine.convParameterGradient(empty.saved, dz);
    expect(engine.read(context.own(weight)).every((value) => value === 0)).toBe(true);
    expect(context.own(engine.convInputGradient(empty.saved, dz)).shape).toEqual([0, 4, 4, 3]);
  });

  test('takesWinograd says what conv does', async () => {
    const output = [8, 28, 28, 256];
    const strided = { ...SAME, stride: [2, 2] } as const;
    expect(engine.takesWinograd(SAME, 1, [1, 1, 1, 1])).toBe(true);
    expect(engine.takesWinograd(strided, 256, output)).toBe(false);
    const direct = await openNativeEngine(location!, { convolution: 'direct' });
    expect(direct.takesWinograd(SAME, 256, output)).toBe(false);
    expect(direct.trials.some(({ what }) => what.includes('Winograd'))).toBe(false);
    const auto = await openNativeEngine(location!);
    const vectors = ['avx2', 'fma'].every((name) => instructionSets().includes(name));
    expect(auto.takesWinograd(SAME, 256, output)).toBe(vectors);
    expect(auto.takesWinograd(SAME, 3, [8, 28, 28, 64])).toBe(false);
  });

  const SCRIPT = fileURLToPath(new URL('winograd-outputs.js', import.meta.url));
  const outputs = (form: string, env: Record<string, string> = {}) =>
    JSON.parse(
      execFileSync(process.execPath, [SCRIPT, form], {
        encoding: 'utf8',
        env: { ...process.env, ...env },
      }),
    ) as { hash: string; norms: number[] };

  test('the same bits with any number of threads, and in every run', () => {
    const one = outputs('winograd', { TF_NUM_INTRAOP_THREADS: '1' });
    for (const threads of ['2', '3', '7']) {
      expect(outputs('winograd', { TF_NUM_INTRAOP_THREADS: threads })).toEqual(one);
    }
    expect(outputs('winograd', { TF_NUM_INTRAOP_THREADS: '2' })).toEqual(one);
  });

  test.each(['AVX2', 'SSE41'])('as exact with the vectors of %s alone', (limit) => {
    const expected = outputs('direct').norms;
    const { norms } = outputs('winograd', { ONEDNN_MAX_CPU_ISA: limit });
    for (const [i, norm] of norms.entries()) {
      expect(Math.abs(norm / expected[i]! - 1)).toBeLessThan(1e-6);
    }
  });
});
