#!/usr/bin/env bash
# sharp 0.35.5 (libvips 8.x inside it): a 16-bit RGB PNG with an embedded sRGB profile is read as Display P3 numbers.
#
# Pure red, written once with 8 and once with 16 bits a channel, both with sRGB's ICC profile. sharp's default output is
# documented as sRGB, and from the 8-bit file it is 255 0 0. From the 16-bit file the same call gives 234 51 34: red in
# Display P3's coordinates, with nothing that says so. `.pipelineColourspace('srgb')` gives 255 0 0 again.
#
# Fails if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sharp@0.35.5
cat > try.mjs <<'JS'
import sharp from 'sharp';
const red = () => sharp({ create: { width: 8, height: 8, channels: 3, background: '#ff0000' } });
const eight = await red().withIccProfile('srgb').png().toBuffer();
const sixteen = await red().toColourspace('rgb16').withIccProfile('srgb').png().toBuffer();
const pixel = async (image) => [...(await image.raw().toBuffer()).subarray(0, 3)].join(' ');
const { depth, space, icc } = await sharp(sixteen).metadata();
console.log(`sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`);
console.log(`the 16-bit file: depth ${depth}, space ${space}, profile of ${icc?.length ?? 0} bytes`);
const found = {
  '8 bits': await pixel(sharp(eight)),
  '16 bits': await pixel(sharp(sixteen)),
  "16 bits, pipelineColourspace('srgb')": await pixel(sharp(sixteen).pipelineColourspace('srgb')),
};
for (const [what, value] of Object.entries(found)) console.log(`${what}: ${value}`);
const near = (text, wanted) => text.split(' ').every((v, i) => Math.abs(v - wanted[i]) <= 2);
const asDescribed =
  near(Object.values(found)[0], [255, 0, 0]) &&
  near(Object.values(found)[1], [234, 51, 34]) &&
  near(Object.values(found)[2], [255, 0, 0]);
console.log(asDescribed ? 'as described' : 'CHANGED');
process.exit(asDescribed ? 0 : 1);
JS
node try.mjs
