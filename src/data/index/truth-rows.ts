/** The rows of a ground-truth file: a number a line, for the images of a folder in the order of their names (ILSVRC). */
import { DataError } from '../../errors.js';
import { cannotRead } from './cannot-read.js';
import { bytesOf, type Entry, entriesOf } from './file-names.js';
import { hasImageName } from './image-files.js';
import type { ListRow } from './list-row.js';
import { inNameOrder } from './unicode-forms.js';

/** Whether the first line that has anything is a number alone. */
export function isGroundTruth(bytes: Buffer): boolean {
  return /^\s*\d+[ \t]*(\r?\n|$)/.test(bytes.toString('latin1', 0, 256));
}

/**
 * @param root the folder of the images, which lie directly in it
 * @throws DataError if a line is no number, or there are not as many images
 */
export function* truthRows(file: string, bytes: Buffer, root: string): Generator<ListRow> {
  const lines = bytes
    .toString('latin1')
    .split(/\r?\n/)
    .map((text) => text.trim());
  const labels = lines.flatMap((label, i) => (label === '' ? [] : [{ line: i + 1, label }]));
  const wrong = labels.find(({ label }) => !/^\d+$/.test(label));
  if (wrong) {
    throw new DataError(
      `${file}: line ${wrong.line} is ${JSON.stringify(wrong.label)}, but the first one is a number alone, as in a ground-truth file`,
      'write "path label" in every line, or a number alone in every line',
    );
  }
  const images = imagesOf(root);
  if (images.length !== labels.length) {
    throw new DataError(
      `${file}: has ${labels.length} labels without paths, for the images of a folder in the order of their names; but directly in ${root} are ${images.length}`,
      'name the folder of these images: data.roots (docs/datasets.md)',
    );
  }
  for (const [i, { line, label }] of labels.entries()) {
    yield { line, path: bytesOf(images[i]!.path), label };
  }
}

function imagesOf(folder: string): Entry[] {
  try {
    return inNameOrder(
      entriesOf(folder).filter((entry) => !entry.name.startsWith('.') && hasImageName(entry.name)),
    );
  } catch (error) {
    throw cannotRead(folder, error);
  }
}
