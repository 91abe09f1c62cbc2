/** The rows of a JSON file of annotations with one category for each image, the form of iNaturalist (and of COCO). */
import { z } from 'zod';
import { DataError } from '../../errors.js';
import { messageOf } from '../../system-error.js';
import { jsonItems } from './json-items.js';
import type { ListRow } from './list-row.js';
import { oneForm } from './unicode-forms.js';

const number = z.int();
const imageSchema = z.object({ id: number, file_name: z.string().min(1) });
const annotationSchema = z.object({ image_id: number, category_id: number });
const categorySchema = z.object({ id: number, name: z.string().min(1) });

const WANTED =
  'images (id, file_name), annotations (image_id, category_id) and categories (id, name)';

/**
 * @returns the images in their order; the classes are the categories in the order of their numbers
 * @throws DataError if the file is another, or an image has no annotation, or several that differ
 */
export function annotationRows(
  file: string,
  bytes: Buffer,
): { rows: () => Iterable<ListRow>; classes: readonly string[] } {
  const all = <T>(key: string, schema: z.ZodType<T>): Iterable<T> =>
    parsed(file, bytes, key, schema);
  const categories = [...all('categories', categorySchema)].sort((a, b) => a.id - b.id);
  const names = new Map(categories.map(({ id, name }) => [id, oneForm(name)]));
  if (names.size === 0)
    throw new DataError(`${file}: names no categories`, `the JSON has ${WANTED}`);
  const classes = [...names.values()];
  const twin = classes.find((name, i) => classes.indexOf(name) < i);
  if (twin !== undefined) {
    throw new DataError(`${file}: two of its categories are called ${JSON.stringify(twin)}`);
  }
  const labels = new Map<number, number>();
  for (const { image_id: image, category_id: category } of all('annotations', annotationSchema)) {
    const other = labels.get(image);
    if (other !== undefined && other !== category) {
      throw new DataError(
        `${file}: the image ${image} has the categories ${other} and ${category}`,
        'relaybp classifies images with one class each',
      );
    }
    labels.set(image, category);
  }
  return { rows: () => rowsOf(file, all('images', imageSchema), labels, names), classes };
}

function* rowsOf(
  file: string,
  images: Iterable<z.infer<typeof imageSchema>>,
  labels: ReadonlyMap<number, number>,
  names: ReadonlyMap<number, string>,
): Generator<ListRow> {
  let line = 0;
  for (const { id, file_name: path } of images) {
    const category = labels.get(id);
    const label = category === undefined ? undefined : names.get(category);
    if (label === undefined) {
      const why =
        category === undefined ? 'no annotation' : `the category ${category}, which has no name`;
      throw new DataError(
        `${file}: the image ${id} (${path}) has ${why}`,
        'the test images of a competition have no labels: predict takes those',
      );
    }
    yield { line: ++line, path: Buffer.from(path), label };
  }
}

function* parsed<T>(file: string, bytes: Buffer, key: string, schema: z.ZodType<T>): Generator<T> {
  let at = 0;
  try {
    for (const item of jsonItems(bytes, key)) {
      const found = schema.safeParse(item);
      if (!found.success) throw new Error(`its ${key} have another form (number ${at})`);
      at++;
      yield found.data;
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${file}: ${messageOf(error)}`, `the JSON of annotations has ${WANTED}`);
  }
}
