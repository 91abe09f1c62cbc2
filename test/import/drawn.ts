/** The values of scripts/reference-imports.py (`drawn`, `drawn_pixels`), once more. */
import type { PixelBatch } from '../../src/export/runtimes.js';
import type { NamedTensor } from '../../src/safetensors.js';

export function drawn(name: string, shape: readonly number[]): NamedTensor {
  let seed = 2166136261;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 16777619);
  const count = shape.reduce((product, size) => product * size, 1);
  const fanIn = count / shape[0]!;
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let x = Math.imul(i, 2654435761) + seed;
    x = Math.imul(x ^ (x >>> 16), 2246822519);
    x = Math.imul(x ^ (x >>> 13), 3266489917);
    const uniform = ((x ^ (x >>> 16)) >>> 0) / 4294967296;
    if (shape.length >= 2) values[i] = (2 * uniform - 1) * Math.sqrt(6 / fanIn);
    else if (name.endsWith('running_var')) values[i] = 0.5 + uniform;
    else values[i] = name.endsWith('weight') ? 0.6 + 0.7 * uniform : 0.2 * (uniform - 0.5);
  }
  return { shape, values };
}

export function drawnImages(size: number, count: number): PixelBatch {
  const values = Float32Array.from({ length: count * size * size * 3 }, (_, i) => {
    const [c, x] = [i % 3, Math.floor(i / 3) % size];
    const y = Math.floor(i / (3 * size)) % size;
    const n = Math.floor(i / (3 * size * size));
    const ramp = (x * (5 + c) + y * (3 + 2 * n) + c * 85 + n * 40) % 511;
    return ramp < 256 ? ramp : 510 - ramp;
  });
  return { count, size: [size, size], values };
}
