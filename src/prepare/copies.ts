/** Writes a part of a data set as smaller files of the same names and formats (docs/data.md). */
import { lstatSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { goodList } from '../check/good-list.js';
import { bitOf } from '../check/kinds.js';
import { DECODING } from '../data/images/decode.js';
import type { Pixels } from '../data/images/preprocessing.js';
import { bytesOf, type FilePath, pathOf } from '../data/index/file-names.js';
import { fingerprint } from '../data/index/fingerprint.js';
import { type ImageIndex, imageFile, relativePath } from '../data/index/image-index.js';
import { isPrepared } from '../data/index/prepared-facts.js';
import { ConfigError, DataError } from '../errors.js';
import { replaceFile } from '../files.js';
import { beginning, tagOf } from '../temporary-path.js';
import type { PreparingSource } from './originals.js';
import { OutputFolders, writing } from './place.js';
import { checkSame, readSettings, SETTINGS_FILE } from './settings.js';

export interface CopySettings {
  side: number;
  /** Of JPEG, WebP and AVIF, 1 to 100; PNG and TIFF lose nothing, GIF has 256 colours. */
  quality: number;
  maxPixels: number;
}

/** Paths below the output folder. */
export interface CopiedPart {
  /** The part's folder, or the list file, which is written too. */
  name: string;
  /** The folder that the paths of the images are relative to. */
  images: string;
  isList: boolean;
}

export interface WrittenCopies {
  /** Copies. */
  files: number;
  /** Copies that were there before. */
  kept: number;
  bytes: number;
}

/**
 * @param root folder for the prepared data set, absolute, made if missing; copies that are there already are kept
 * @param part where it goes below that
 * @throws ConfigError if the folder was prepared from other images or with other settings
 */
export async function prepareCopies(
  index: ImageIndex,
  root: string,
  { name: part, images, isList }: CopiedPart,
  settings: CopySettings,
  source: PreparingSource,
): Promise<WrittenCopies> {
  const folder = join(root, images);
  if (isPrepared(join(root, part))) {
    throw new ConfigError(`--out: ${join(root, part)} holds shards`, 'name another folder');
  }
  checkInside(index);
  const folders = new OutputFolders(root);
  folders.make(folder);
  if (isList) folders.makeFor(join(root, part));
  begin(root, part, { ...settings, decoding: DECODING }, fingerprint(index));
  const target: ImageIndex = { ...index, root: folder };
  const written: WrittenCopies = { files: 0, kept: 0, bytes: 0 };
  const findings = new Uint32Array(index.count);
  const wanted = (image: number): boolean => {
    const file = imageFile(target, image);
    folders.makeFor(file);
    const present = writing(file, () => lstatSync(file, { throwIfNoEntry: false }));
    if (!present?.isFile()) return true;
    written.files++;
    written.kept++;
    written.bytes += present.size;
    return false;
  };
  const write = async (pixels: Pixels, image: number): Promise<void> => {
    const file = imageFile(target, image);
    const bytes = await encoded(pixels, relativePath(index, image), settings.quality);
    replace(file, bytes);
    written.files++;
    written.bytes += bytes.length;
  };
  for await (const prepared of source.images(0, index.count, wanted, write)) {
    if ('reason' in prepared) findings[prepared.image] = bitOf('undecodable');
  }
  if (isList) {
    const list = join(root, part);
    writing(list, () => replaceFile(list, goodList(index, '', findings, false).pieces));
  }
  return written;
}

/** Which images were prepared how is kept in the folder, so that nothing else is mixed in. */
function begin(
  root: string,
  part: string,
  settings: Record<string, string | number>,
  images: string,
): void {
  for (const other of readdirSync(root)) {
    if (!other.endsWith(`.${SETTINGS_FILE}`)) continue;
    // Lists share the folders of their images.
    checkSame(root, readSettings(join(root, other)) ?? {}, settings);
  }
  const wanted = { ...settings, fingerprint: images };
  const path = join(root, settingsFile(part));
  const found = readSettings(path);
  if (found) checkSame(join(root, part), found, wanted);
  else replaceFile(path, `${JSON.stringify(wanted, null, 2)}\n`);
}

function settingsFile(part: string): string {
  const name = part.replaceAll(/[/\\]/g, '-');
  const short = beginning(name, 200);
  return `${short === name ? name : `${short}-${tagOf(part)}`}.${SETTINGS_FILE}`;
}

/** Lists may name files outside the data root. */
function checkInside(index: ImageIndex): void {
  for (let i = 0; i < index.count; i++) {
    const path = relativePath(index, i);
    if (!path.includes('..') || !path.split('/').includes('..')) continue;
    throw new DataError(
      `${JSON.stringify(path)} lies outside the data root, so that a copy would lie outside of --out`,
      'use --format shards',
    );
  }
}

/** A file with its name is whole: also after an interruption; the next run takes the same temporary name. */
function replace(file: FilePath, bytes: Uint8Array): void {
  const whole = bytesOf(file);
  const name = whole.subarray(whole.lastIndexOf('/') + 1);
  const folder = whole.subarray(0, whole.length - name.length);
  const temporary = pathOf(Buffer.concat([folder, Buffer.from(`${tagOf(name)}.tmp`)]));
  try {
    writing(file, () => {
      writeFileSync(temporary, bytes);
      renameSync(temporary, file);
    });
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function encoded({ data, width, height }: Pixels, name: string, quality: number): Promise<Buffer> {
  const image = sharp(data, { raw: { width, height, channels: 3 } });
  if (/\.a?png$/i.test(name)) return image.png().toBuffer();
  if (/\.webp$/i.test(name)) return image.webp({ quality }).toBuffer();
  if (/\.gif$/i.test(name)) return image.gif().toBuffer();
  if (/\.tiff?$/i.test(name)) return image.tiff({ compression: 'lzw' }).toBuffer();
  if (/\.avif$/i.test(name)) return image.avif({ quality }).toBuffer();
  return image.jpeg({ quality }).toBuffer();
}
