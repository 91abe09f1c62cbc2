/**
 * Grayscale of 16 bits with an ICC profile, which sharp does not convert. Of grayscale a profile has one curve (ICC.1,
 * kTRC), from the stored value to the light; sRGB has a fixed one back.
 */

/** `[65536]`: what each value is in 8-bit sRGB; null if the profile is not one of a gray curve. */
export function grayToSrgb(icc: Buffer): Uint8Array | null {
  const curve = grayCurve(icc);
  if (!curve) return null;
  return Uint8Array.from({ length: 65536 }, (_, value) => {
    const light = Math.min(1, Math.max(0, curve(value / 65535)));
    const coded = light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055;
    return Math.round(255 * coded);
  });
}

type Curve = (x: number) => number;

/** From a value, 0 to 1, to light, 0 to 1 of the white. */
function grayCurve(icc: Buffer): Curve | null {
  try {
    const tags = new Map<string, Buffer>();
    for (let i = 0, at = 132; i < icc.readUInt32BE(128); i++, at += 12) {
      const start = icc.readUInt32BE(at + 4);
      const end = start + icc.readUInt32BE(at + 8);
      tags.set(icc.toString('latin1', at, at + 4), icc.subarray(start, end));
    }
    const tag = tags.get('kTRC');
    if (icc.toString('latin1', 16, 20) !== 'GRAY' || !tag || tags.has('A2B0')) return null;
    const curve = curveOf(tag);
    const isLab = icc.toString('latin1', 20, 24) === 'Lab ';
    return curve && isLab ? (x) => lightOf(100 * curve(x)) : curve;
  } catch (error) {
    if (error instanceof RangeError) return null; // it is cut off
    throw error;
  }
}

/** From CIE lightness, 0 to 100. */
const lightOf = (lightness: number): number =>
  lightness > 8 ? ((lightness + 16) / 116) ** 3 : (lightness * 27) / 24389;

function curveOf(tag: Buffer): Curve | null {
  const kind = tag.toString('latin1', 0, 4);
  if (kind === 'curv') return sampled(tag);
  return kind === 'para' ? parametric(tag) : null;
}

/** No samples: as it is. One: a gamma. More: a table over 0 to 1. */
function sampled(tag: Buffer): Curve {
  const count = tag.readUInt32BE(8);
  if (count === 0) return (x) => x;
  if (count === 1) {
    const gamma = tag.readUInt16BE(12) / 256;
    return (x) => x ** gamma;
  }
  const table = Array.from({ length: count }, (_, i) => tag.readUInt16BE(12 + 2 * i) / 65535);
  return (x) => {
    const at = x * (count - 1);
    const below = Math.min(count - 2, Math.floor(at));
    return table[below]! + (at - below) * (table[below + 1]! - table[below]!);
  };
}

/** ICC.1, parametricCurveType. */
function parametric(tag: Buffer): Curve | null {
  const kind = tag.readUInt16BE(8);
  const counts = [1, 3, 4, 5, 7];
  const p = Array.from(
    { length: counts[kind] ?? 0 },
    (_, i) => tag.readInt32BE(12 + 4 * i) / 65536,
  );
  const [g = 1, a = 1, b = 0, c = 0, d = 0, e = 0, f = 0] = p;
  const power: Curve = (x) => Math.max(0, a * x + b) ** g;
  switch (kind) {
    case 0:
      return (x) => x ** g;
    case 1:
      return (x) => (x >= -b / a ? power(x) : 0);
    case 2:
      return (x) => (x >= -b / a ? power(x) + c : c);
    case 3:
    case 4:
      return (x) => (x >= d ? power(x) + e : c * x + f);
    default:
      return null;
  }
}
