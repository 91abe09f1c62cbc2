/** Class names in JSON, in the forms in which data sets and other programs write them (docs/datasets.md). */
import { z } from 'zod';
import { DataError } from '../../errors.js';
import { messageOf } from '../../system-error.js';
import type { ClassEntry } from './class-entry.js';

const text = z.string().min(1);
const number = z.int().min(0);
const isNumber = (key: string): boolean => /^\d+$/.test(key);

/** `["cat", "dog"]` */
const list = z
  .array(text)
  .transform((names) => names.map((name, id): ClassEntry => ({ id, name })));

/** `{"21": "fire lily"}`, `{"n01440764": "tench"}` */
const named = z.record(z.string(), text).transform(byKey);

/** `{"0": ["n01440764", "tench"]}`, as Keras has it */
const pairs = z
  .record(z.string().regex(/^\d+$/), z.tuple([text, text]))
  .transform((names) =>
    Object.entries(names).map(([id, [key, name]]): ClassEntry => ({ key, id: Number(id), name })),
  );

/** `{"cat": 0}`, as torchvision's class_to_idx */
const positions = z
  .record(text, number)
  .transform((ids) => Object.entries(ids).map(([name, id]): ClassEntry => ({ id, name })));

/** `{"categories": [{"id": 0, "name": "Lumbricus terrestris", "image_dir_name": "00000_Animalia_…"}]}`, as COCO and iNaturalist have it */
const categories = z
  .object({
    categories: z.array(z.object({ id: number, name: text, image_dir_name: text.optional() })),
  })
  .transform((file) =>
    file.categories.map(
      ({ id, name, image_dir_name: key }): ClassEntry => ({
        ...(key !== undefined && { key }),
        id,
        name,
      }),
    ),
  );

const forms = z.union([list, categories, named, pairs, positions]);

function byKey(names: Readonly<Record<string, string>>): ClassEntry[] {
  return Object.entries(names).map(([key, name], i) =>
    isNumber(key) ? { id: Number(key), name } : { key, id: i, name },
  );
}

/** @throws DataError if it is none of these forms */
export function entriesOfJson(file: string, contents: string): ClassEntry[] {
  let value: unknown;
  try {
    value = JSON.parse(contents);
  } catch (error) {
    throw new DataError(`${file}: is no JSON: ${messageOf(error)}`);
  }
  const found = forms.safeParse(value);
  if (found.success) return found.data;
  throw new DataError(
    `${file}: is JSON, but in none of the forms in which classes are named`,
    'one of them is a list of names, ["cat", "dog"]; docs/datasets.md has the others',
  );
}
