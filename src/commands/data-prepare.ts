import { statSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import type { DataConfig } from '../config/experiment-schema.js';
import { loadConfig } from '../config/load.js';
import { MAX_PIXELS } from '../data/images/decode.js';
import type { ImageIndex } from '../data/index/image-index.js';
import type { Skipped } from '../data/loader/failure-policy.js';
import { ConfigError } from '../errors.js';
import { indexCache } from '../experiment/data-cache.js';
import { openTrainingImages, openValidationImages } from '../experiment/images.js';
import { prepareCopies } from '../prepare/copies.js';
import { PreparingSource } from '../prepare/originals.js';
import { checkPlaces, type PlacedPart, placed } from '../prepare/place.js';
import { prepareShards } from '../prepare/shards.js';
import { processors } from '../processors.js';
import { version } from '../version.js';
import { PREPARE_DEFAULTS, type PrepareFormat } from './defaults.js';
import { type Hooks, indexingTo, listening } from './hooks.js';
import { type ConfigOptions, checkParent } from './options.js';

export interface DataPrepareOptions extends ConfigOptions {
  out: string;
  /** Default: shards. */
  format?: PrepareFormat;
  /** Length of the shorter side; default: `data.resize`. */
  side?: number;
  /** Of JPEGs. Shards: default pixels as they are. Copies: default 95. */
  quality?: number;
  /** Images in work at once; default: two more than processors. */
  workers?: number;
  imagesPerShard?: number;
  rebuildIndex?: boolean;
}

export interface PreparedPart {
  /** As the config names it. */
  part: string;
  /** Its name in `out`. */
  name: string;
  images: number;
  /** Images that could not be decoded. */
  skipped: readonly Skipped[];
  /** Files that were written, and those that were there before: shards or copies. */
  files: number;
  kept: number;
  bytes: number;
  seconds: number;
}

/** Format version 1, documented in docs/data.md. */
export interface DataPrepareResult {
  formatVersion: 1;
  relaybp: string;
  out: string;
  format: PrepareFormat;
  side: number;
  quality: number | null;
  parts: PreparedPart[];
  /** What a config is given by `--set` to train on them. */
  set: string[];
}

const COPY_QUALITY = 95;

/** `relaybp data prepare`: writes the images of a config resized, so that training has less to decode. */
export async function dataPrepareCommand(
  file: string,
  options: DataPrepareOptions,
  hooks: Hooks = {},
): Promise<DataPrepareResult> {
  const { notice, progress } = listening(hooks);
  const { data } = loadConfig(file, options.set).config;
  const { out, format = PREPARE_DEFAULTS.format } = options;
  checkParent('--out', out);
  const places = placed(data.root, [
    { key: 'train', part: data.train },
    { key: 'val', part: data.val },
  ]);
  const [first, second] = places as [PlacedPart, PlacedPart];
  const { roots = {}, classNames } = data;
  const same = first.source === second.source && roots.train === roots.val;
  checkPlaces(out, data.root, places);
  const root = resolve(out);
  const moved = places.filter(({ part, name }) => resolve(root, part) !== resolve(root, name));
  for (const { key, part, name } of moved) {
    notice(`data.${key}: ${part} is no place in the data root: in ${out} it is ${name}`);
  }
  if (options.imagesPerShard !== undefined && format === 'copies') {
    throw new ConfigError('--images-per-shard: copies are not in shards', 'leave it out');
  }
  if (format === 'copies') checkRoots(data);
  const { side = data.resize, workers = processors() + 2 } = options;
  const quality = options.quality ?? (format === 'copies' ? COPY_QUALITY : null);
  const { maxPixels = MAX_PIXELS, onError } = data;
  const cache = indexCache({
    rebuild: options.rebuildIndex,
    onNotice: notice,
    onProgress: indexingTo(progress),
  });
  const train = await openTrainingImages(data, notice, cache);
  const indexes: [PlacedPart, ImageIndex][] = [[first, train]];
  if (!same) {
    const val = await openValidationImages(data, train.classes, notice, cache);
    indexes.push([second, val]);
  }
  const prepared = indexes.find(([, index]) => index.packed);
  if (prepared) {
    throw new ConfigError(
      `data.root: ${prepared[0].source} is prepared already`,
      'name the original images',
    );
  }
  const inShards = indexes.find(([, index]) => index.members);
  if (inShards && format === 'copies') {
    throw new ConfigError(
      `data.${inShards[0].key}: the images lie in shards, and copies are files of the same names`,
      'use --format shards',
    );
  }
  const parts: PreparedPart[] = [];
  for (const [{ key, part, name, source: originals }, index] of indexes) {
    const began = performance.now();
    const source = new PreparingSource({
      ...{ index, side, maxPixels, onError, workers },
      onImage: (done) => progress({ what: `preparing ${part}`, done, total: index.count }),
    });
    const isList = statSync(originals, { throwIfNoEntry: false })?.isFile() === true;
    const written =
      quality === null || format === 'shards'
        ? await prepareShards(
            index,
            root,
            name,
            { side, quality, maxPixels, imagesPerShard: options.imagesPerShard },
            source,
          )
        : await prepareCopies(
            index,
            root,
            { name, images: isList ? (roots[key] ?? '.') : name, isList },
            { side, quality, maxPixels },
            source,
          );
    const { skipped } = source;
    const seconds = Number(((performance.now() - began) / 1000).toFixed(1));
    parts.push({ part, name, images: index.count, skipped, ...written, seconds });
  }
  const set = [
    `data.root=${out}`,
    ...moved.map(({ key, name }) => `data.${key}=${name}`),
    ...(classNames === undefined || format === 'shards'
      ? [] // shards have the names
      : [`data.classNames=${resolve(data.root, classNames)}`]),
  ];
  return { formatVersion: 1, relaybp: version, out, format, side, quality, parts, set };
}

/** @throws ConfigError if copies would lie outside of the output folder */
function checkRoots({ root, roots = {} }: DataConfig): void {
  for (const [key, folder] of Object.entries(roots)) {
    const path = relative(resolve(root), resolve(root, folder));
    if (path.split('/')[0] !== '..' && !isAbsolute(path)) continue;
    throw new ConfigError(
      `data.roots.${key}: ${folder} lies outside the data root, so that copies would lie outside of --out`,
      'use --format shards',
    );
  }
}
