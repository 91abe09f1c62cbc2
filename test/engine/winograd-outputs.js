// Computes convolutions of several shapes by Winograd's filtering, or with another argument directly, and prints the
// SHA-256 of all that comes out, and how far it is from float64 in one of them. Run by winograd.test.ts in processes of
// their own, as TensorFlow reads the environment once.
import { createHash } from 'node:crypto';
import { locateNative } from '../../dist/engine/locate.js';
import { openNativeEngine } from '../../dist/engine/native/opening/open.js';

const convolution = /** @type {'winograd' | 'direct'} */ (process.argv[2]);
const engine = await openNativeEngine(/** @type {{ binding: string }} */ (locateNative()), {
  convolution,
});
let seed = 1;
const random = (/** @type {readonly number[]} */ shape) =>
  engine.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed / 2 ** 31 - 1;
    }),
    shape,
  );
const window = /** @type {const} */ ({ kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1] });
const hash = createHash('sha256');
const hashes = [];
for (const [batch, side, channels, outputs] of [
  [3, 30, 64, 64], // each thread for itself
  [1, 9, 35, 70],
  [4, 17, 160, 200], // all together
  [1, 6, 520, 600], // outputs in groups
]) {
  const x = random([batch, side, side, channels]);
  const filter = random([3, 3, channels, outputs]);
  const { y, saved } = engine.conv(x, filter, random([outputs]), { window, relu: true });
  const dz = engine.activationGradient(saved, random([batch, side, side, outputs]));
  const { weight } = engine.convParameterGradient(saved, dz);
  for (const t of [y, weight, engine.convInputGradient(saved, dz)]) {
    const values = engine.read(t);
    hash.update(values);
    hashes.push(Math.hypot(...values.subarray(0, 10_000)));
  }
}
console.log(JSON.stringify({ hash: hash.digest('hex'), norms: hashes }));
