/** Which files of a folder are images: by their extension, and without one by what they begin with. */
import { closeSync, readSync } from 'node:fs';
import { openRegular } from '../../regular-file.js';
import type { FilePath } from './file-names.js';

/** For people: the extensions that are read, those that are spelled otherwise left out. */
export const IMAGE_EXTENSIONS = '.jpg, .png, .webp, .gif, .tif, .avif';

const IMAGE = /\.(jpe?g|jpe|jif|jfif|jfi|pjpe?g|a?png|webp|gif|tiff?|avif)$/i;

/** Whether a name has an extension of a format that the decoder reads. */
export const hasImageName = (name: string): boolean => IMAGE.test(name);

/** The extension of a name with its dot, in lower case; '' without one. */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot <= 0 ? '' : name.slice(dot).toLowerCase();
}

/** Whether a file of this name may be an image: one without an extension has to be looked into. */
export const mayBeImage = (name: string): boolean => hasImageName(name) || extensionOf(name) === '';

/** Whether a file without an extension begins as one of a format that the decoder reads; false if it cannot be read. */
export function beginsAsImage(file: FilePath): boolean {
  try {
    const descriptor = openRegular(file);
    try {
      const start = Buffer.alloc(LONGEST);
      return isImageStart(start.toString('latin1', 0, readSync(descriptor, start, 0, LONGEST, 0)));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false;
  }
}

const LONGEST = 12;

/** JPEG, PNG, GIF, and TIFF (also BigTIFF) in both byte orders. */
const STARTS = [
  '\xff\xd8\xff',
  '\x89PNG\r\n\x1a\n',
  'GIF87a',
  'GIF89a',
  'II*\0',
  'II+\0',
  'MM\0*',
  'MM\0+',
];
/** WebP and AVIF, behind a length. */
const INSIDE = /^(RIFF.{4}WEBP|.{4}ftypavi[fs])/s;

/** @param start 12 bytes as latin1 */
const isImageStart = (start: string): boolean =>
  INSIDE.test(start) || STARTS.some((mark) => start.startsWith(mark));
