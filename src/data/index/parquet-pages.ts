/**
 * The pages of a Parquet column of images. Pages that are neither compressed nor encoded, as Hugging Face's datasets
 * writes those of images, hold each image in one piece, whose place is found here; the others have to be decoded.
 * (Apache Parquet format, "Data Pages" and "Encodings"; decoding is hyparquet's.)
 */
import type {
  ColumnMetaData,
  Compressors,
  DataReader,
  DecodedArray,
  PageHeader,
  SchemaTree,
} from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { decompressPage, readDataPage, readDataPageV2 } from 'hyparquet/src/datapage.js';
import { readRleBitPackedHybrid } from 'hyparquet/src/encoding.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from 'hyparquet/src/schema.js';
import { parquetCompressors } from './parquet-compressors.js';
import type { ReadAt } from './tar-members.js';

/** A column of images in a row group. */
export interface ImageChunk {
  data: ColumnMetaData;
  /** From the root of the schema to the column. */
  schemaPath: SchemaTree[];
}

/** Where an image is: in one piece, or nowhere (length 0). */
export type Place = readonly [offset: number, length: number];

/** A page with images. */
export interface ImagePage {
  rows: number;
  /** Of each row; null: the page has to be decoded. */
  places: readonly Place[] | null;
  /** Header and contents, and those of the dictionary (0: none). */
  offset: number;
  length: number;
  dictionary: number;
  dictionaryLength: number;
}

/** Headers hold the smallest and the largest value, which may be images. */
const MOST_HEADER = 1 << 20;
const FIRST_LOOK = 1 << 14;

/** Rows and bytes that a page may have when it is decoded: files from elsewhere are not believed. */
const MOST_ROWS = 1 << 22;
const MOST_BYTES = 1 << 30;

/**
 * @param size of the file in bytes
 * @throws Error in a few words if the column holds no single images, or the file is damaged
 */
export function* imagePages(
  { data, schemaPath }: ImageChunk,
  size: number,
  read: ReadAt,
): Generator<ImagePage> {
  if (data.type !== 'BYTE_ARRAY')
    throw new Error(`its images are of the type ${data.type}, not bytes`);
  if (getMaxRepetitionLevel(schemaPath) > 0) throw new Error('it has lists of images in its rows');
  const first = Number(data.dictionary_page_offset ?? 0n) || Number(data.data_page_offset);
  const start = Math.min(first, Number(data.data_page_offset));
  const end = start + Number(data.total_compressed_size);
  const total = Number(data.num_values);
  if (start < 0 || end > size) throw new Error('it is damaged');
  let [dictionary, dictionaryLength] = [0, 0];
  for (let at = start, rows = 0; rows < total; ) {
    const { header, length } = headerAt(at, end, read);
    const whole = length + header.compressed_page_size;
    const most = header.uncompressed_page_size;
    if (header.compressed_page_size < 0 || at + whole > end || most < 0 || most > MOST_BYTES) {
      throw new Error('it is damaged');
    }
    const values = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values;
    if (header.type === 'DICTIONARY_PAGE') [dictionary, dictionaryLength] = [at, whole];
    else if (values !== undefined) {
      if (values < 0 || values > MOST_ROWS || rows + values > total) {
        throw new Error('it is damaged');
      }
      const places = placesOf(header, data, schemaPath, at + length, read);
      const own = { rows: values, places, offset: at, length: whole, dictionary, dictionaryLength };
      yield own;
      rows += values;
    }
    at += whole;
  }
}

function headerAt(at: number, end: number, read: ReadAt): { header: PageHeader; length: number } {
  for (let size = FIRST_LOOK; ; size *= 8) {
    const bytes = read(at, Math.min(size, end - at));
    const reader = readerOf(bytes);
    try {
      return { header: parquetHeader(reader), length: reader.offset };
    } catch (error) {
      if (size < Math.min(MOST_HEADER, end - at)) continue; // it goes on behind what was looked at
      throw new Error('it is damaged', { cause: error });
    }
  }
}

const readerOf = (bytes: Uint8Array): DataReader => ({
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  offset: 0,
});

/** Null if the page has to be decoded. @param at where its contents begin */
function placesOf(
  header: PageHeader,
  { codec }: ColumnMetaData,
  schemaPath: SchemaTree[],
  at: number,
  read: ReadAt,
): Place[] | null {
  const { data_page_header: v1, data_page_header_v2: v2 } = header;
  const isPlain = (v1 ?? v2)?.encoding === 'PLAIN';
  const isCompressed = codec !== 'UNCOMPRESSED' && v2?.is_compressed !== false;
  if (!isPlain || isCompressed) return null;
  const most = getMaxDefinitionLevel(schemaPath);
  const count = (v1 ?? v2)!.num_values;
  const size = header.compressed_page_size;
  let bytes = 0;
  let [start, from] = [at, 0];
  if (v2) {
    from = v2.repetition_levels_byte_length;
    bytes = v2.definition_levels_byte_length;
    start = at + from + bytes;
  } else if (most > 0) {
    [from, bytes] = [4, Buffer.from(read(at, 4)).readUInt32LE(0)];
    start = at + from + bytes;
  }
  if (from + bytes > size) throw new Error('it is damaged');
  const levels: number[] = new Array<number>(count).fill(most);
  if (most > 0 && bytes > 0) {
    const width = 32 - Math.clz32(most);
    readRleBitPackedHybrid(readerOf(Uint8Array.from(read(at + from, bytes))), width, levels, bytes);
  }
  return walked(levels, most, start, at + size, read);
}

/** Each value is its length in four bytes, and then itself. */
function walked(
  levels: readonly number[],
  most: number,
  start: number,
  end: number,
  read: ReadAt,
): Place[] {
  let at = start;
  return levels.map((level): Place => {
    if (level !== most) return [0, 0];
    if (at + 4 > end) throw new Error('it is damaged');
    const length = read(at, 4).readUInt32LE(0);
    const place: Place = [at + 4, length];
    at += 4 + length;
    if (at > end) throw new Error('it is damaged');
    return place;
  });
}

/**
 * The images of a page that has to be decoded, null where a row has none.
 *
 * @param page its bytes with the header
 * @param dictionary the same of its dictionary; null if there is none
 * @throws Error in a few words if they are damaged
 */
export async function decodePage(
  page: Uint8Array,
  dictionary: Uint8Array | null,
  { data, schemaPath }: ImageChunk,
): Promise<(Uint8Array | null)[]> {
  const compressors = await parquetCompressors();
  const { element } = schemaPath[schemaPath.length - 1]!;
  const { type, codec } = data;
  const decoder = {
    pathInSchema: data.path_in_schema,
    type,
    element,
    schemaPath,
    codec,
    compressors,
    parsers: DEFAULT_PARSERS,
    utf8: false,
  };
  const reader = readerOf(page);
  const header = parquetHeader(reader);
  const bytes = page.subarray(reader.offset, reader.offset + header.compressed_page_size);
  const { data_page_header: v1, uncompressed_page_size: size } = header;
  const { definitionLevels, dataPage } = v1
    ? readDataPage(decompressPage(bytes, size, codec, compressors), v1, decoder)
    : readDataPageV2(bytes, header, decoder);
  const encoding = (v1 ?? header.data_page_header_v2)!.encoding;
  const words = encoding.endsWith('_DICTIONARY')
    ? wordsOf(dictionary, { data, schemaPath }, compressors)
    : null;
  const values = Array.from(dataPage as ArrayLike<unknown>, (value) => {
    const found: unknown = words ? words[value as number] : value;
    if (!(found instanceof Uint8Array)) throw new Error('it holds no bytes');
    return found;
  });
  const most = getMaxDefinitionLevel(schemaPath);
  if (!definitionLevels?.length) return values;
  let next = 0;
  return definitionLevels.map((level) => (level === most ? values[next++]! : null));
}

function wordsOf(
  dictionary: Uint8Array | null,
  { data: { type, codec } }: ImageChunk,
  compressors: Compressors,
): DecodedArray {
  if (!dictionary) throw new Error('its dictionary is missing');
  const reader = readerOf(dictionary);
  const header = parquetHeader(reader);
  const bytes = dictionary.subarray(reader.offset, reader.offset + header.compressed_page_size);
  const words = decompressPage(bytes, header.uncompressed_page_size, codec, compressors);
  return readPlain(
    readerOf(words),
    type,
    header.dictionary_page_header?.num_values ?? 0,
    undefined,
  );
}
