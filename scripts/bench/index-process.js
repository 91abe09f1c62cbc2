/**
 * One step of bench-index.js: `node index-process.js STEP <options as JSON>`; prints one line of JSON.
 *
 * - `make` a synthetic index through the builder, and keep it. Of its files only those exist that class-aware sampling
 *   draws first: hard links to a few real images.
 * - `start` from the kept index up to the first batches of class-aware training.
 * - `scan` a folder of real files, `open` its kept index.
 */
import { linkSync, mkdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

const { IndexCache, keptFile } = await import('../../dist/data/index/index-cache.js');

const [step, text] = process.argv.slice(2);
const options = JSON.parse(text ?? '{}');
const SEED = 1;
/** Images that exist, and that `start` draws. */
const DRAWN = 2048;
const BATCH = 32;

const peak = () => process.resourceUsage().maxRSS / 1024;
const resident = () => process.memoryUsage().rss / 2 ** 20;
/** Milliseconds since the process began. */
const now = () => performance.now();

/** Real images to link to. */
async function sources() {
  if (options.from !== null) {
    const { indexFolder } = await import('../../dist/data/index/folder-index.js');
    const { imageFile } = await import('../../dist/data/index/image-index.js');
    const { index } = indexFolder(options.from);
    return Array.from({ length: index.count }, (_, i) => imageFile(index, i));
  }
  const { default: sharp } = await import('sharp');
  const folder = join(options.folder, '.images');
  mkdirSync(folder, { recursive: true });
  const files = Array.from({ length: 16 }, (_, i) => join(folder, `${i}.jpg`));
  for (const [i, file] of files.entries()) {
    const noise = { type: 'gaussian', mean: 90 + 5 * i, sigma: 20 };
    const create = { width: 256, height: 256, channels: 3, background: '#888', noise };
    await sharp({ create }).blur(3).jpeg().toFile(file);
  }
  return files;
}

/** Unequal classes, as in Places2: the largest has nine times the images of the smallest. */
function classSizes() {
  const { images, classes } = options;
  const weights = Array.from({ length: classes }, (_, c) => 1 + (8 * c) / Math.max(1, classes - 1));
  const sum = weights.reduce((a, b) => a + b, 0);
  const sizes = weights.map((weight) => Math.floor((images * weight) / sum));
  sizes[classes - 1] += images - sizes.reduce((a, b) => a + b, 0);
  return sizes;
}

async function make() {
  const { IndexBuilder, relativePath, mtimeStamp } = await import(
    '../../dist/data/index/image-index.js'
  );
  const { classLists } = await import('../../dist/data/index/class-lists.js');
  const { createSampler } = await import('../../dist/data/sampling/sampler.js');
  const { Directories } = await import('../../dist/data/index/directories.js');
  const { fingerprint } = await import('../../dist/data/index/fingerprint.js');
  const { writeIndexFile } = await import('../../dist/data/index/index-file.js');
  const files = await sources();
  const { size, mtimeMs } = statSync(files[0]);

  let since = now();
  const names = classSizes().map((_, c) => `scene-category-${String(c).padStart(3, '0')}`);
  const builder = new IndexBuilder();
  const mtime = mtimeStamp(mtimeMs);
  for (const [c, images] of classSizes().entries()) {
    for (let i = 0; i < images; i++) {
      const path = `${names[c]}/${String(i).padStart(8, '0')}.jpg`;
      builder.add(Buffer.from(path), c, size, mtime);
    }
  }
  const index = builder.build(options.folder, names);
  const build = now() - since;

  const lists = classLists(index.labels, names.length);
  const sampler = createSampler({ kind: 'class-aware', seed: SEED }, index, lists);
  const directories = new Directories();
  for (const name of names) mkdirSync(join(options.folder, name), { recursive: true });
  for (let p = 0; p < DRAWN; p++) {
    const file = join(options.folder, relativePath(index, sampler.at(p)));
    linkSync(files[p % files.length], file);
  }
  for (const name of ['', ...names]) {
    const folder = join(options.folder, name);
    utimesSync(folder, 1e9, 1e9); // old enough to be trusted
    directories.add(name, statSync(folder));
  }
  since = now();
  const facts = {
    classes: names,
    fingerprint: fingerprint(index),
    missingClasses: [],
    strayFiles: 0,
    list: null,
  };
  const file = keptFile(options.cache, { folder: options.folder, classes: undefined });
  writeIndexFile(file, { facts, index, directories: directories.columns() });
  return {
    build_ms: build,
    keep_ms: now() - since,
    path_bytes: index.pathBytes.length,
    file_mb: statSync(file).size / 2 ** 20,
    make_peak_mb: peak(),
  };
}

async function start() {
  const { Loader } = await import('../../dist/data/loader/loader.js');
  const empty = resident();
  let anew = false;
  const cache = new IndexCache({ folder: options.cache, onProgress: () => (anew = true) });
  const { index } = await cache.openFolder(options.folder, undefined);
  if (anew) throw new Error('the kept index was not used');
  const [opened, openMb] = [now(), resident()];
  const loader = new Loader({
    dataset: index,
    sampler: { kind: 'class-aware', seed: SEED },
    start: 0,
    end: DRAWN,
    batchSize: BATCH,
    preprocessing: { resize: 256, crop: 224, mean: { kind: 'channel', values: [124, 116, 104] } },
    augment: { flip: true, color: null, resizedCrop: null },
    seed: SEED,
    onError: { policy: 'fail', limit: 0 },
    cacheBytes: 0,
  });
  let [first, drawn] = [0, 0];
  try {
    for (let batch = await loader.next(); batch; batch = await loader.next()) {
      first ||= now();
      drawn += batch.size;
      batch.release();
    }
    return {
      open_ms: opened,
      first_batch_ms: first,
      batch: BATCH,
      drawn,
      empty_mb: empty,
      open_mb: openMb,
      end_mb: resident(),
      start_peak_mb: peak(),
    };
  } finally {
    await loader.close();
  }
}

async function scan() {
  const since = now();
  const cache = new IndexCache({ folder: options.cache });
  const { index } = await cache.openFolder(options.folder, undefined);
  const ms = now() - since;
  return { scan_ms: ms, files_per_s: (1000 * index.count) / ms, scan_peak_mb: peak() };
}

async function open() {
  const since = now();
  let anew = false;
  const cache = new IndexCache({ folder: options.cache, onProgress: () => (anew = true) });
  await cache.openFolder(options.folder, undefined);
  if (anew) throw new Error('the kept index was not used');
  return { open_ms: now() - since };
}

const result = await { make, start, scan, open }[step]();
process.stdout.write(`${JSON.stringify(result)}\n`);
