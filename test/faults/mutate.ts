/** Files as a bad disk, another program or ill will would leave them. */
import type { Random } from '../../src/random.js';

/** A few changes of bytes: bits, numbers at their limits, pieces cut out, doubled, put elsewhere, the end cut off. */
export function mutatedBytes(bytes: Uint8Array, random: Random): Buffer {
  let out = Buffer.from(bytes);
  for (let n = 1 + random.int(3); n > 0; n--) {
    const at = random.int(Math.max(1, out.length));
    const length = random.int(1 << random.int(8));
    const piece = Buffer.from(out.subarray(at, at + length));
    switch (random.int(7)) {
      case 0:
        if (at < out.length) out[at]! ^= 1 << random.int(8);
        break;
      case 1:
        for (const [i, byte] of limit(random).entries())
          if (at + i < out.length) out[at + i] = byte;
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at), piece, out.subarray(at)]);
        break;
      case 4:
        piece.copy(out, random.int(Math.max(1, out.length)));
        break;
      case 5:
        out = out.subarray(0, at);
        break;
      default:
        out = Buffer.concat([
          out.subarray(0, at),
          Buffer.alloc(length, random.int(256)),
          out.subarray(at),
        ]);
    }
  }
  return out;
}

/** Numbers at which a type ends, in some width and little-endian. */
function limit(random: Random): Buffer {
  const values = [
    0n,
    1n,
    2n ** 7n,
    2n ** 31n - 1n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 53n,
    2n ** 63n,
    2n ** 64n - 1n,
  ];
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(values[random.int(values.length)]!);
  return bytes.subarray(0, [1, 2, 4, 8][random.int(4)]);
}

const ODD: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1,
    0.5,
    -0,
    1e308,
    2 ** 31,
    2 ** 53,
    2 ** 64,
    'NaN',
    '',
    'x',
    '\u0000',
    '../../x',
  ],
  ...[[], {}, [null], [[[[[]]]]], { a: { b: {} } }, '__proto__', 'x'.repeat(10_000)],
];

/** A value with a few places replaced, taken away, doubled or given another name. */
export function mutatedJson(value: unknown, random: Random): unknown {
  const copy: unknown = structuredClone(value);
  for (let n = 1 + random.int(2); n > 0; n--) {
    const places = placesOf(copy);
    if (places.length === 0) return ODD[random.int(ODD.length)];
    const [holder, key] = places[random.int(places.length)]!;
    const map = holder as Record<string, unknown>;
    const odd = structuredClone(ODD[random.int(ODD.length)]);
    switch (random.int(6)) {
      case 0:
      case 1:
        map[key] = odd;
        break;
      case 2:
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else delete map[key];
        break;
      case 3:
        if (Array.isArray(holder)) holder.push(structuredClone(map[key]));
        else map[`${key}2`] = map[key];
        break;
      case 4: {
        const [other, name] = places[random.int(places.length)]!;
        map[key] = structuredClone((other as Record<string, unknown>)[name]);
        break;
      }
      default:
        Object.defineProperty(holder, '__proto__', {
          value: odd,
          enumerable: true,
          writable: true,
          configurable: true,
        });
    }
  }
  return copy;
}

/** Every value inside a value, by what holds it and under which key. */
function placesOf(value: unknown): [object, string][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key): [object, string][] => {
    return [[value, key], ...placesOf((value as Record<string, unknown>)[key])];
  });
}
