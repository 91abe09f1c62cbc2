/** Pixels that are borrowed are written as numbers by WebAssembly: to the bits of JavaScript. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { decodeFastJpeg } from '../../../src/data/images/fast-jpeg.js';
import { type Preprocessing, writeInput } from '../../../src/data/images/preprocessing.js';
import { Random } from '../../../src/random.js';

const fixture = new URL('../../fixtures/jpeg/decoded.jsonl', import.meta.url);
const jpegs = readFileSync(fixture, 'utf8')
  .trim()
  .split('\n')
  .map((line) => Buffer.from((JSON.parse(line) as { jpeg: string }).jpeg, 'base64'));

it.each<[string, Pick<Preprocessing, 'mean' | 'std'>]>([
  ['channel means', { mean: { kind: 'channel', values: [123.675, 116.28, 103.53] } }],
  ['and deviations', { mean: { kind: 'channel', values: [0.1, 200, 1 / 3] }, std: [58.3, 7, 0.1] }],
])('%s', async (_, preprocessing) => {
  const random = new Random(5, 'borrowed', 0);
  let written = 0;
  for (const jpeg of jpegs) {
    for (const resize of [9, 43, 70]) {
      const whole = (await decodeFastJpeg(jpeg, resize, 1e8))!;
      const borrowed = (await decodeFastJpeg(jpeg, resize, 1e8, { borrow: true }))!;
      expect(Buffer.compare(borrowed.data, whole.data)).toBe(0);
      for (let i = 0; i < 6; i++) {
        const [h, w] = [1 + random.int(whole.height), 1 + random.int(whole.width)];
        const view = {
          top: random.int(whole.height - h + 1),
          left: random.int(whole.width - w + 1),
          flip: random.int(2) === 1,
          shift: [random.normal(), 0, 5 * random.normal()] as const,
        };
        const [expected, found] = [1, 2].map(() => new Float32Array(3 * h * w + 9).fill(-7));
        writeInput(expected!, 4, whole, view, [h, w], preprocessing);
        writeInput(found!, 4, borrowed, view, [h, w], preprocessing);
        expect(Buffer.compare(Buffer.from(found!.buffer), Buffer.from(expected!.buffer))).toBe(0);
        if (w >= 4) written++;
      }
      borrowed.release!();
      borrowed.release!(); // has no effect
    }
  }
  expect(written).toBeGreaterThan(300);
});

it('memory that was given back twice is not used by two', async () => {
  const [first] = jpegs;
  const options = { borrow: true };
  const one = (await decodeFastJpeg(first!, 30, 1e8, options))!;
  one.release!();
  one.release!();
  const [a, b] = await Promise.all(
    [0, 1].map(async () => (await decodeFastJpeg(first!, 30, 1e8, options))!),
  );
  expect(a!.data.buffer).not.toBe(b!.data.buffer);
  a!.release!();
  b!.release!();
});
