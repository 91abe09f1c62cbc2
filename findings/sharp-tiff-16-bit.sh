#!/usr/bin/env bash
# sharp 0.35.5: `.tiff()` turns 16 bits a channel into 8 without a word, as its default compression is JPEG.
#
# A 16-bit RGB picture is written once as PNG and once as TIFF, both with default options. The PNG keeps 16 bits; the
# TIFF, a format that people take to keep depth, has 8 and is lossy. `compression: 'lzw'` keeps 16.
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
const image = () =>
  sharp({ create: { width: 8, height: 8, channels: 3, background: '#336699' } }).toColourspace('rgb16');
const facts = async (bytes) => {
  const { depth, compression } = await sharp(bytes).metadata();
  return `${depth}${compression ? `, ${compression}` : ''}`;
};
console.log(`sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`);
const found = {
  'png()': await facts(await image().png().toBuffer()),
  'tiff()': await facts(await image().tiff().toBuffer()),
  "tiff({compression: 'lzw'})": await facts(await image().tiff({ compression: 'lzw' }).toBuffer()),
};
for (const [what, value] of Object.entries(found)) console.log(`${what}: ${value}`);
const [png, tiff, lzw] = Object.values(found);
const asDescribed = png.startsWith('ushort') && tiff.startsWith('uchar') && lzw.startsWith('ushort');
console.log(asDescribed ? 'as described' : 'CHANGED');
process.exit(asDescribed ? 0 : 1);
JS
node try.mjs
