import { resolve } from 'node:path';
import type { Reading } from '../experiment/images.js';
import type { Layout } from './layout.js';

/** How the files of a part are to be read. */
export function partReading(
  { root, roots, classNames, classFolders }: Omit<Layout, 'train' | 'val'>,
  part: 'train' | 'val',
): Reading {
  const base = roots?.[part];
  return {
    ...(classFolders !== undefined && { classFolders }),
    ...(base !== undefined && { base: resolve(root, base) }),
    ...(classNames !== undefined && { classNames: resolve(root, classNames) }),
  };
}
