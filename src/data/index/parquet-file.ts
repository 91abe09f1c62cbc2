/** What a Parquet file of images says of itself: which columns they are in, and what Hugging Face's datasets adds. */
import type { ColumnMetaData, FileMetaData, RowGroup, SchemaTree } from 'hyparquet';
import { parquetMetadata, parquetSchema } from 'hyparquet';
import { z } from 'zod';
import { nearest } from '../../near.js';
import type { ReadAt } from './tar-members.js';
import { oneForm } from './unicode-forms.js';

/** Bytes at the end of a file: the length of the footer, and the mark. */
export const FOOTER_END = 8;
const MARK = 'PAR1';
/** A footer that is longer describes more than images. */
const MOST_FOOTER = 1 << 28;

/** @throws Error in a few words if it is no such file, or damaged */
export function readFooter(size: number, read: ReadAt): FileMetaData {
  const end = Buffer.from(read(Math.max(0, size - FOOTER_END), FOOTER_END));
  const mark = end.toString('latin1', 4);
  if (mark === 'PARE') throw new Error('it is encrypted');
  if (mark !== MARK) throw new Error('it is cut off, or no Parquet file');
  const length = end.readUInt32LE(0);
  if (length > Math.min(size - FOOTER_END, MOST_FOOTER)) throw new Error('it is damaged');
  return parquetMetadata(Uint8Array.from(read(size - FOOTER_END - length, length + FOOTER_END)));
}

/** Which columns are images and labels. */
export interface ImageColumns {
  /** Path of the images' bytes in the schema. */
  image: readonly string[];
  label: string;
  /** Names of the classes, if the file has them; labels are places in it. */
  classes: readonly string[] | null;
}

const feature = z.looseObject({
  _type: z.string().optional(),
  names: z.array(z.string()).optional(),
});
const features = z.object({ info: z.object({ features: z.record(z.string(), feature) }) });

/**
 * As they are named; else the one that the file's metadata of `datasets` call an image, and the one label of classes;
 * else a structure with `bytes`, and `label`.
 *
 * @throws Error in a few words that names the columns if they are not plain
 */
export function imageColumns(
  metadata: FileMetaData,
  named: { image?: string; label?: string },
): ImageColumns {
  const tree = parquetSchema(metadata);
  const known = featuresOf(metadata);
  const names = tree.children.map(({ element }) => element.name);
  const ofType = (type: string): string[] => names.filter((name) => known[name]?._type === type);
  const bytes = tree.children.filter((column) => childOf(column, 'bytes'));
  const image =
    columnNamed(names, named.image, 'image') ??
    only(ofType('Image')) ??
    only(bytes.map(({ element }) => element.name));
  const label =
    columnNamed(names, named.label, 'label') ??
    only(ofType('ClassLabel')) ??
    only(names.filter((name) => name === 'label'));
  if (image === undefined || label === undefined) {
    const what = image === undefined ? 'images' : 'labels';
    throw new Error(
      `it has the columns ${names.join(', ')}, and which are the ${what} is not plain`,
    );
  }
  const column = tree.children.find(({ element }) => element.name === image)!;
  const path = childOf(column, 'bytes') ? [image, 'bytes'] : [image];
  const classes = known[label]?.names?.map(oneForm) ?? null;
  const twin = classes?.find((name, i) => classes.indexOf(name) < i);
  if (twin !== undefined) throw new Error(`two of its classes are called ${JSON.stringify(twin)}`);
  return { image: path, label, classes };
}

const childOf = ({ children }: SchemaTree, name: string): boolean =>
  children.some(({ element }) => element.name === name && element.type === 'BYTE_ARRAY');

const only = (names: readonly string[]): string | undefined =>
  names.length === 1 ? names[0] : undefined;

function columnNamed(
  names: readonly string[],
  name: string | undefined,
  key: 'image' | 'label',
): string | undefined {
  if (name === undefined) return name;
  const there = names.find((one) => oneForm(one) === oneForm(name));
  if (there !== undefined) return there;
  const meant = nearest(name, names);
  const hint = meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`;
  throw new Error(
    `it has no column ${JSON.stringify(name)} (data.columns.${key}), but ${names.join(', ')}${hint}`,
  );
}

/** Nothing where there are none, or they have another form. */
function featuresOf({
  key_value_metadata: values,
}: FileMetaData): Record<string, z.infer<typeof feature>> {
  const text = values?.find(({ key }) => key === 'huggingface')?.value;
  try {
    const found = features.safeParse(text === undefined ? null : JSON.parse(text));
    return found.success ? found.data.info.features : {};
  } catch {
    return {};
  }
}

/** The column of a row group. @throws Error in a few words if it is not in this file, or encrypted */
export function chunkOf(group: RowGroup, path: readonly string[]): ColumnMetaData {
  const chunk = group.columns.find(
    ({ meta_data: data }) => data?.path_in_schema.join('\0') === path.join('\0'),
  );
  if (!chunk?.meta_data)
    throw new Error(`it has no readable column ${path.join('.')}: it may be encrypted`);
  if (chunk.file_path)
    throw new Error(`its column ${path.join('.')} is in another file, ${chunk.file_path}`);
  return chunk.meta_data;
}
