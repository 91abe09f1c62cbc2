/** What the table of a shard may say: files from elsewhere are not believed (docs/reliability.md). */
import { MAX_PIXELS } from '../images/decode.js';
import { checksum, type ShardTable } from './shard-file.js';

/** How the images of a shard are stored. */
export interface ShardForm {
  encoding: 'raw' | 'jpeg';
  /** Length of the shorter side in pixels. */
  side: number;
}

/** A JPEG takes less than twice its pixels at any quality, and its tables. */
const jpegMost = (pixels: number): number => 2 * 3 * pixels + 65_536;

const EMPTY = checksum(new Uint8Array(0));

/**
 * @param bytes of all images, as the shard says
 * @throws Error in a few words that names the image and what of it cannot be
 */
export function checkShardTable(table: ShardTable, bytes: number, form: ShardForm): void {
  const failed = failedPlaces(table);
  let sum = 0;
  for (let place = 0; place < table.count; place++) {
    const row = table.rows.subarray(4 * place, 4 * place + 4);
    const why = failed.has(place) ? failureProblem(row) : imageProblem(row, form);
    if (why) throw new Error(`its image ${place} ${why}`);
    sum += row[0]!;
  }
  if (sum !== bytes) throw new Error(`its images have ${sum} bytes by its table, but ${bytes}`);
}

function failedPlaces({ count, failures }: ShardTable): Set<number> {
  const rule = 'its failures are no list of places and reasons';
  if (!Array.isArray(failures)) throw new Error(rule);
  const places = new Set<number>();
  for (const failure of failures as unknown[]) {
    const [place, reason] = Array.isArray(failure) ? (failure as unknown[]) : [];
    const valid =
      typeof place === 'number' && Number.isInteger(place) && typeof reason === 'string';
    if (!valid || place < 0 || place >= count || places.has(place)) throw new Error(rule);
    places.add(place);
  }
  return places;
}

type Row = ArrayLike<number>;

function failureProblem(row: Row): string | null {
  if (row[0] === 0 && row[1] === 0 && row[2] === 0 && row[3] === EMPTY) return null;
  return 'is there, but could not be decoded';
}

function imageProblem(row: Row, { encoding, side }: ShardForm): string | null {
  const [length, width, height] = [row[0]!, row[1]!, row[2]!];
  const pixels = width * height;
  if (Math.min(width, height) !== side || pixels > MAX_PIXELS) {
    return `is ${width}x${height}, with a shorter side of ${side}`;
  }
  const fits =
    encoding === 'raw' ? length === 3 * pixels : length > 0 && length <= jpegMost(pixels);
  return fits ? null : `has ${length} bytes for ${width}x${height} pixels`;
}
