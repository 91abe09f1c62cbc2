/** Files that are read back, mutated: each is refused in words, or what is read of it is something that can be. */
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readClassNames } from '../../src/data/index/class-names.js';
import { type ImageIndex, imagePath } from '../../src/data/index/image-index.js';
import { readIndexFile } from '../../src/data/index/index-file.js';
import { parseList } from '../../src/data/index/list-index.js';
import { indexShards } from '../../src/data/index/member-index.js';
import { openPrepared } from '../../src/data/index/prepared.js';
import { checksum } from '../../src/data/index/shard-file.js';
import { ImageReader } from '../../src/data/loader/image-reader.js';
import { CheckpointError, DataError } from '../../src/errors.js';
import { readScoreFile, writeScoreFile } from '../../src/eval/score-file.js';
import { Random } from '../../src/random.js';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { readGradients, readMetrics } from '../../src/run/rows.js';
import { listRuns } from '../../src/run/run-list.js';
import { readSessions } from '../../src/run/sessions.js';
import { cutEvents } from '../../src/train/event-file.js';
import { decodeEvent } from '../../src/train/event-proto.js';
import { readRecords } from '../../src/train/event-records.js';
import { ROOT } from '../support/consumer.js';
import { colourImages } from '../support/images.js';
import { mutatedBytes, mutatedJson } from './mutate.js';
import { set, times, Workplace } from './support.js';

const CASES = times(400, 10_000);

const fixture = (path: string): string => join(ROOT, 'test/fixtures', path);
const parquetFile = (): string => {
  const hub = fixture('parquet/hub');
  return join(hub, readdirSync(hub).find((name) => name.endsWith('.parquet'))!);
};

let place: Workplace;
/** For files that are written again and again. */
let folder: string;
beforeAll(async () => {
  const images = await colourImages();
  writeFileSync(join(images, 'train/green/broken.jpg'), 'no image');
  place = new Workplace(images);
  folder = mkdtempSync(join(tmpdir(), 'relaybp-mutations-'));
  const settings = set(
    'data.onError={policy: skip, limit: 5}',
    'logging.tensorboard=true',
    'diagnostics.gradients=every 1 step',
    'training={steps: 4, batchSize: 8, logEvery: 1 steps}',
  );
  const train = await place.train([...settings, '--out', 'run']);
  expect(train).toMatchObject({ code: 0 });
  for (const [out, more] of [
    ['raw', []],
    ['jpeg', ['--quality', '90']],
  ] as const) {
    const prepare = ['data', 'prepare', 'c.yaml', '--out', out, ...more, ...settings.slice(0, 2)];
    expect(await place.relaybp(prepare)).toMatchObject({ code: 0 });
  }
});

/**
 * Does it with so many mutations. `work` reads one; it may throw one of `refusals` alone, and its message must say something
 * and name the file.
 */
function each(
  refusals: readonly (new (...args: never[]) => Error)[],
  name: string,
  work: (random: Random) => void,
): void {
  let refused = 0;
  for (let i = 0; i < CASES; i++) {
    try {
      work(new Random(SEED, i));
    } catch (error) {
      const said = error instanceof Error ? error : new Error(String(error));
      // A kind of its own, or a few words for who names the file; never JavaScript's own.
      if (
        refusals.some((one) => said.constructor === one) &&
        said.message.length > 8 &&
        said.message.includes(name)
      ) {
        refused += 1;
        continue;
      }
      throw new Error(`seed ${SEED}, case ${i}: ${said.stack}`);
    }
  }
  // Otherwise nothing was mutated, or everything that was read is nothing.
  expect(refused).toBeGreaterThan(CASES / 100);
}

/** Of JSON with one mutation more often than not in its structure; now and then one that no value has. */
function jsonText(value: unknown, random: Random): string | Buffer {
  const text = JSON.stringify(value);
  switch (random.int(16)) {
    case 0:
      return text.replace(/(:)[^:]*$/, `$1${'['.repeat(100_000)}${']'.repeat(100_000)}}`); // deep
    case 1: {
      const keys = [...text.matchAll(/"(\w+)":/g)].map(([key]) => key);
      if (keys.length === 0) return mutatedBytes(Buffer.from(text), random);
      const key = keys[random.int(keys.length)]!;
      return text.replace(key, `${key}${JSON.stringify(mutatedJson(1, random))},${key}`); // twice
    }
    case 2:
    case 3:
    case 4:
      return mutatedBytes(Buffer.from(text), random);
    default:
      return JSON.stringify(mutatedJson(value, random));
  }
}

/** Other mutations in each run; said where one fails. */
const SEED = Date.now();

describe(`of ${CASES} mutations each (seed ${SEED})`, () => {
  it('state.json', () => {
    const checkpoint = join(folder, 'step');
    cpSync(place.at('run/checkpoints/step-4'), checkpoint, { recursive: true });
    rmSync(join(checkpoint, 'state.sha256')); // it would find all of them
    const path = join(checkpoint, 'state.json');
    const state: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const DAMAGED = ['CheckpointError', 'DamagedCheckpointError'];
    each([CheckpointError], path, (random) => {
      writeFileSync(path, jsonText(state, random));
      try {
        const { step, classes, config, position } = openCheckpoint(checkpoint).state;
        expect(Number.isSafeInteger(step) && step >= 0).toBe(true);
        expect(Number.isSafeInteger(position) && position >= 0).toBe(true);
        expect(classes.every((one) => typeof one === 'string')).toBe(true);
        expect(config.losses.length).toBeGreaterThan(0);
        expect(Number.isFinite(config.optimizer.lr)).toBe(true);
      } catch (error) {
        if (!(error instanceof CheckpointError) || !DAMAGED.includes(error.name)) throw error;
        throw new CheckpointError(error.message, error.hint);
      }
    });
  });

  it('the index that is kept, right by its checksum or not', () => {
    const path = join(folder, 'index.bin');
    const whole = readFileSync(place.at('raw/train/index.bin'));
    const body = whole.subarray(0, -32);
    each([Error, DataError], '', (random) => {
      const bytes = mutatedBytes(body, random);
      const sum = createHash('sha256').update(bytes).digest();
      writeFileSync(
        path,
        random.int(8) === 0 ? mutatedBytes(whole, random) : Buffer.concat([bytes, sum]),
      );
      const kept = readIndexFile(path, '/');
      if (kept) expectPossible(kept.index);
    });
  });

  it.each(['raw', 'jpeg'])('shards of prepared images (%s)', async (format) => {
    const part = join(folder, format);
    cpSync(place.at(format, 'train'), part, { recursive: true });
    const path = join(part, 'shard-00000.bin');
    const whole = readFileSync(path);
    let opened = 0;
    each([DataError], part, (random) => {
      const bytes = mutatedBytes(whole, random);
      writeFileSync(path, random.int(2) === 0 ? bytes : withSum(bytes));
      const index = openPrepared(part, undefined);
      expectPossible(index);
      opened += 1;
    });
    // Images whose bytes are others: pixels of their size, or an error in words.
    writeFileSync(path, whole);
    const { count } = openPrepared(part, undefined);
    for (let i = 0; i < Math.min(CASES, 500); i++) {
      writeFileSync(path, withSum(mutatedImages(whole, new Random(i, format))));
      const reader = new ImageReader(openPrepared(part, undefined));
      const image = i % count;
      try {
        const { data, width, height } = await (await reader.load(image)).decode({ resize: 16 });
        expect(data.length).toBe(width * height * 3);
      } catch (error) {
        expect((error as Error).constructor).toBe(Error);
        expect((error as Error).message.length).toBeGreaterThan(5);
      } finally {
        await reader.close();
      }
    }
    expect(opened).toBeGreaterThan(0);
  });

  it('prepared.json', () => {
    const part = join(folder, 'facts');
    cpSync(place.at('raw/train'), part, { recursive: true });
    const path = join(part, 'prepared.json');
    const facts: unknown = JSON.parse(readFileSync(path, 'utf8'));
    each([DataError], part, (random) => {
      writeFileSync(path, jsonText(facts, random));
      expectPossible(openPrepared(part, undefined));
    });
  });

  it('score files', () => {
    const path = join(folder, 'scores.safetensors');
    const row = (...shares: number[]): Float32Array => Float32Array.from(shares, Math.log);
    writeScoreFile(path, {
      source: 'run',
      root: '/data',
      classes: ['a', 'b', 'c'],
      paths: ['a/1.jpg', 'a/2.jpg', 'b/1.jpg', 'c/1.jpg'],
      labels: Int32Array.of(0, 0, 1, 2),
      rows: [row(0.5, 0.25, 0.25), row(0.2, 0.4, 0.4), row(0.1, 0.8, 0.1), row(0, 0, 1)],
    });
    const whole = readFileSync(path);
    const length = Number(whole.readBigUInt64LE(0));
    const header = JSON.parse(whole.toString('utf8', 8, 8 + length)) as {
      __metadata__: { scores: string };
    };
    each([CheckpointError], path, (random) => {
      writeFileSync(
        path,
        random.int(2) === 0
          ? mutatedBytes(whole, random)
          : headed(header, whole.subarray(8 + length), random),
      );
      const { paths, classes, labels, rows } = readScoreFile(path);
      expect([labels.length, rows.length]).toEqual([paths.length, paths.length]);
      for (const label of labels) expect(classes[label]).toBeTypeOf('string');
      for (const one of rows) expect(one.length).toBe(classes.length);
      for (const one of rows) expect(one.some(Number.isNaN)).toBe(false);
    });
  });

  it('list files', () => {
    const path = join(folder, 'list.txt');
    const list = Buffer.from(
      'a/1.jpg cat\na/two words.jpg dog\r\n"b/3.jpg" 2\nb/\xff.jpg cat\n# x 1\n',
      'latin1',
    );
    each([DataError], path, (random) => {
      writeFileSync(path, mutatedBytes(list, random));
      expectPossible(parseList(path, { root: '/data' }).index);
    });
  });

  it('lists in CSV and TSV', () => {
    const csv = Buffer.from(
      '\ufeffid,width,breed\r\na/1.jpg,24,"Great Dane, blue"\r\n"a/2.jpg",24,pug\r\nb/3,7,"say ""hi"""\r\nb/\u00e9.jpg,24,pug\r\n',
    );
    const tsv = Buffer.from('a/1.jpg\tcat\na/two words.jpg\tdog\nb/3.jpg\t2\n');
    each([DataError], folder, (random) => {
      const isTable = random.int(2) === 0;
      const path = join(folder, isTable ? 'list.csv' : 'list.tsv');
      writeFileSync(path, mutatedBytes(isTable ? csv : tsv, random));
      const columns = isTable && random.int(4) > 0 ? { image: 'id', label: 'breed' } : undefined;
      expectPossible(parseList(path, { root: '/data', columns }).index);
    });
  });

  it('lists in JSON, as iNaturalist has them', () => {
    const path = join(folder, 'list.json');
    const categories = ['Apus apus', 'Aglais io'].map((name, id) => ({ id, name }));
    const images = [0, 1, 2, 3].map((id) => ({ id, file_name: `a/${id}.jpg`, license: 0 }));
    const annotations = images.map(({ id }) => ({ id, image_id: id, category_id: id % 2 }));
    const list = { info: { year: 2018, text: '{"[' }, images, categories, annotations };
    each([DataError], path, (random) => {
      writeFileSync(path, jsonText(list, random));
      expectPossible(parseList(path, { root: '/data' }).index);
    });
  });

  it('ground truth: numbers alone, for the images of a folder', () => {
    const images = join(folder, 'truth');
    mkdirSync(images);
    for (const i of [1, 2, 3, 4]) writeFileSync(join(images, `${i}.jpg`), '');
    const path = join(folder, 'truth.txt');
    const list = Buffer.from('3\n1\r\n4\n2\n');
    each([DataError], path, (random) => {
      writeFileSync(path, mutatedBytes(list, random));
      expectPossible(parseList(path, { root: images, labels: 'names' }).index);
    });
  });

  it.each<[string, string | Uint8Array]>([
    ['synsets.txt', 'n01440764 tench, Tinca tinca\nn01443537 goldfish\nn02012849 crane\n'],
    ['categories.txt', '/a/airfield 0\n/a/apartment_building/outdoor 1\n/b/bathroom 2\n'],
    ['classes.txt', 'red\ngreen\r\nblue\nyellow and blue\nred\n'],
    ['list.json', '["cat", "dog", "dirty \\"dog\\"", "\\u00e9"]'],
    ['keras.json', '{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}'],
    ['coco.json', '{"categories": [{"id": 0, "name": "cat", "image_dir_name": "0_cat"}]}'],
    ['meta.mat', readFileSync(fixture('ilsvrc/meta.mat'))],
    ['meta-plain.mat', readFileSync(fixture('ilsvrc/meta-plain.mat'))],
  ])('files of class names: %s', (name, contents) => {
    const path = join(folder, name);
    const whole = Buffer.from(contents);
    let read = 0;
    each([DataError], path, (random) => {
      const isJson = name.endsWith('.json') && random.int(2) === 0;
      const json = (): string | Buffer => jsonText(JSON.parse(`${whole}`), random);
      writeFileSync(path, isJson ? json() : mutatedBytes(whole, random));
      const { entries } = readClassNames(path);
      expect(entries.length).toBeGreaterThan(0);
      for (const { id, name: called, key } of entries) {
        expect(Number.isSafeInteger(id) && id >= 0).toBe(true);
        expect(called.length).toBeGreaterThan(0);
        if (key !== undefined) expect(key).toBeTypeOf('string');
      }
      for (const values of [entries.map(({ id }) => id), entries.map((entry) => entry.name)]) {
        expect(new Set<string | number>(values).size).toBe(entries.length);
      }
      read += 1;
    });
    expect(read).toBeGreaterThan(0);
  });

  it.each(['tar', 'parquet'] as const)('%s files of images', async (kind) => {
    const source = kind === 'tar' ? fixture('tar/webdataset.tar') : parquetFile();
    const path = join(folder, `mutated.${kind}`);
    const whole = readFileSync(source);
    let [opened, refused] = [0, 0];
    for (let i = 0; i < Math.min(CASES, 2000); i++) {
      const random = new Random(SEED, i);
      const said = (error: unknown): string => {
        const known = [DataError, Error].find((one) => one === (error as Error).constructor);
        if (known) return (error as Error).message;
        throw new Error(`seed ${SEED}, case ${i}: ${(error as Error).stack}`);
      };
      writeFileSync(path, mutatedBytes(whole, random));
      let index: ImageIndex;
      try {
        const files = { kind, files: [`mutated.${kind}`] };
        index = (await indexShards(files, { root: folder })).index;
      } catch (error) {
        expect(said(error)).toContain(path);
        refused += 1;
        continue;
      }
      expectPossible(index);
      opened += 1;
      const reader = new ImageReader(index);
      try {
        const image = await reader.load(random.int(index.count));
        const { data, width, height } = await image.decode({ resize: 16 });
        expect(data.length).toBe(width * height * 3);
      } catch (error) {
        expect(said(error).length).toBeGreaterThan(5);
      } finally {
        await reader.close();
      }
    }
    expect(Math.min(opened, refused)).toBeGreaterThan(0);
  });

  it('event files', () => {
    const events = join(folder, 'events');
    cpSync(place.at('run/tensorboard/train'), events, { recursive: true });
    const path = join(events, readdirSync(events)[0]!);
    const whole = readFileSync(path);
    let kept = 0;
    for (let i = 0; i < CASES; i++) {
      const random = new Random(SEED, i);
      const mutated = mutatedBytes(whole, random);
      writeFileSync(path, mutated);
      cutEvents(events, 2);
      const bytes = readFileSync(path);
      const records = [...readRecords(bytes)];
      if (records.length === 0) {
        expect(bytes.equals(mutated)).toBe(true); // it may be another program's
        continue;
      }
      // Nothing is left but whole records, and none of a later step.
      expect(records.reduce((sum, { length }) => sum + length + 16, 0)).toBe(bytes.length);
      const steps = records.map(decodeEvent).map(({ summary, step = 0 }) => (summary ? step : 0));
      expect(Math.max(0, ...steps)).toBeLessThanOrEqual(2);
      kept += records.length;
    }
    expect(kept).toBeGreaterThan(CASES);
  });

  it('rows, sessions, log and summary of a run', () => {
    const run = join(folder, 'run');
    cpSync(place.at('run'), run, { recursive: true });
    const names = [
      'metrics.jsonl',
      'gradients.jsonl',
      'sessions.jsonl',
      'log.jsonl',
      'summary.json',
    ];
    const whole = names.map((name) => readFileSync(join(run, name), 'utf8'));
    for (let i = 0; i < CASES; i++) {
      const random = new Random(SEED, i);
      const at = random.int(names.length);
      const lines = at === 4 ? [whole[at]!] : whole[at]!.trimEnd().split('\n');
      const line = random.int(lines.length);
      lines[line] = jsonText(JSON.parse(lines[line]!), random).toString();
      const path = join(run, names[at]!);
      writeFileSync(path, `${lines.join('\n')}\n`);
      for (const row of [...readMetrics(run), ...readGradients(run)]) {
        expect(Number.isSafeInteger(row.step) && Number.isFinite(row.epoch)).toBe(true);
      }
      for (const { started } of readSessions(run))
        expect(new Date(started).getTime()).not.toBeNaN();
      const [listed] = listRuns(run);
      expect(Number.isFinite(listed!.step) || listed!.problem !== null).toBe(true);
      writeFileSync(path, whole[at]!);
    }
  });
});

/** Labels are classes, names are there, and there are as many of all. */
function expectPossible(index: ImageIndex): void {
  expect(index.labels.length).toBe(index.count);
  for (const label of index.labels) expect(index.classes[label]).toBeTypeOf('string');
  for (let i = 0; i < index.count; i++) expect(imagePath(index, i)).toBeTypeOf('string');
}

/** A shard whose table has the right checksum, where it has one at all. */
function withSum(shard: Buffer): Buffer {
  if (shard.length < 28) return shard;
  const out = Buffer.from(shard);
  const bytes = out.readDoubleLE(out.length - 20);
  if (!(bytes >= 0 && bytes <= out.length - 28)) return out;
  out.writeUInt32LE(checksum(out.subarray(bytes, out.length - 28)), out.length - 12);
  return out;
}

/** Only the images are mutated, in place. */
function mutatedImages(shard: Buffer, random: Random): Buffer {
  const bytes = shard.readDoubleLE(shard.length - 20);
  const out = Buffer.from(shard);
  for (let n = 0; n < 20; n++) out[random.int(bytes)] = random.int(256);
  return out;
}

/** A safetensors file with a mutated header, or with mutated facts in it. */
function headed(
  header: { __metadata__: { scores: string } },
  data: Uint8Array,
  random: Random,
): Buffer {
  const scores: unknown = JSON.parse(header.__metadata__.scores);
  const changed =
    random.int(2) === 0
      ? mutatedJson(header, random)
      : {
          ...header,
          __metadata__: { ...header.__metadata__, scores: jsonText(scores, random).toString() },
        };
  const json = Buffer.from(JSON.stringify(changed));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}
