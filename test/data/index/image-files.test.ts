/** Which files are images: the formats as sharp writes them, with and without an extension. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeImage } from '../../../src/data/images/decode.js';
import { beginsAsImage, extensionOf, hasImageName } from '../../../src/data/index/image-files.js';
import { solid, temporaryFolder } from '../images.js';

const { path: folder, remove } = temporaryFolder();
afterAll(remove);
const at = (name: string): string => join(folder, name);

describe('a file of each format', () => {
  it.each(['jpg', 'png', 'gif', 'tif', 'webp', 'avif'])(
    '%s is read, by either name',
    async (extension) => {
      const named = at(`picture.${extension}`);
      await solid(named, [200, 120, 40]);
      const bare = at(extension);
      writeFileSync(bare, readFileSync(named));
      expect(hasImageName(named)).toBe(true);
      expect(beginsAsImage(bare)).toBe(true);
      for (const file of [named, bare]) {
        const { data, width, height } = await decodeImage(file, 10);
        expect([width, height]).toEqual([12, 10]);
        for (const [c, value] of [200, 120, 40].entries()) {
          expect(Math.abs(data[c]! - value)).toBeLessThanOrEqual(4); // lossy formats
        }
      }
    },
  );

  it('by what it says, not by its length: BMP, text and nothing are none', () => {
    for (const [name, text] of [
      ['bitmap', 'BM6\0\0\0\0\0\0\0'],
      ['text', 'Images of the sea'],
      ['short', '\xff\xd8'],
      ['nothing', ''],
    ] as const) {
      writeFileSync(at(name), Buffer.from(text, 'latin1'));
      expect(beginsAsImage(at(name)), name).toBe(false);
    }
    expect(beginsAsImage(at('gone'))).toBe(false);
    expect(beginsAsImage(folder)).toBe(false);
  });
});

it.each([
  ['1.jpg', '.jpg', true],
  ['1.JFIF', '.jfif', true],
  ['a.b.jpe', '.jpe', true],
  ['1.jif', '.jif', true],
  ['1.apng', '.apng', true],
  ['1.bmp', '.bmp', false],
  ['1.svg', '.svg', false],
  ['jpg', '', false],
  ['1.jpg~', '.jpg~', false],
])('%s has the extension %s', (name, extension, isImage) => {
  expect([extensionOf(name), hasImageName(name)]).toEqual([extension, isImage]);
});

/** A little-endian TIFF of 4x4 gray samples of 32 bits with a floating point, 0 to 1, written by hand. */
function floatTiff(): Buffer {
  const samples = Buffer.alloc(64);
  for (let i = 0; i < 16; i++) samples.writeFloatLE(i / 15, 4 * i);
  const tags = [
    [256, 4],
    [257, 4],
    [258, 32],
    [259, 1],
    [262, 1],
    [273, 8],
    [277, 1],
    [278, 4],
    [279, 64],
    [339, 3],
  ] as const;
  const head = Buffer.from('II*\0\0\0\0\0', 'latin1');
  head.writeUInt32LE(8 + samples.length, 4);
  const table = Buffer.alloc(2 + 12 * tags.length + 4);
  table.writeUInt16LE(tags.length, 0);
  for (const [i, [tag, value]] of tags.entries()) {
    table.writeUInt16LE(tag, 2 + 12 * i);
    table.writeUInt16LE(4, 4 + 12 * i); // of 32 bits
    table.writeUInt32LE(1, 6 + 12 * i);
    table.writeUInt32LE(value, 10 + 12 * i);
  }
  return Buffer.concat([head, samples, table]);
}

it('a TIFF of numbers with a floating point is refused rather than read as black', async () => {
  writeFileSync(at('science.tif'), floatTiff());
  expect((await sharp(at('science.tif')).metadata()).depth).toBe('float');
  await expect(decodeImage(at('science.tif'), 4)).rejects.toThrow(
    'its samples are of the type float, whose scale is not known: 8 or 16 bits are read',
  );
});
