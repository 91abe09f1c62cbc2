import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { indexFolder } from '../../src/data/index/folder-index.js';
import { type ImageIndex, relativePath } from '../../src/data/index/image-index.js';
import { Loader } from '../../src/data/loader/loader.js';
import { solid, temporaryFolder } from './images.js';
import { collect, loaderOptions as options } from './loading.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
let damaged: ImageIndex; // class a: 4 good and 2 bad images, class b: 2 good

beforeAll(async () => {
  for (const name of ['a/0', 'a/1', 'a/3', 'a/4', 'b/0', 'b/1']) {
    await solid(at(`damaged/${name}.jpg`), [100, 100, 100]);
  }
  const bytes = readFileSync(at('damaged/a/0.jpg'));
  writeFileSync(at('damaged/a/2.jpg'), bytes.subarray(0, bytes.length - 30));
  writeFileSync(at('damaged/a/5.jpg'), '');
  damaged = indexFolder(at('damaged')).index;
});
afterAll(folder.remove);

describe('undecodable files', () => {
  const train = { augment: { flip: false, color: null } };
  const sequential = { kind: 'sequential', seed: 0 } as const;

  it('fail: an error names the file', async () => {
    await expect(collect(options(damaged, train), 4)).rejects.toThrow(
      /damaged\/a\/[25]\.jpg: cannot/,
    );
  });

  it('skip: in training the next image of the class takes the place', async () => {
    const onError = { policy: 'skip', limit: 2 } as const;
    const loader = new Loader(
      options(damaged, { ...train, sampler: sequential, onError, batchSize: 8 }),
    );
    for (let epoch = 0; epoch < 2; epoch++) {
      const batch = (await loader.next())!;
      expect([...batch.indices].map((i) => relativePath(damaged, i)[2])).toEqual([...'01334001']);
      expect([...batch.labels]).toEqual([0, 0, 0, 0, 0, 0, 1, 1]);
      batch.release();
    }
    expect(loader.skipped.map(({ path }) => path).sort()).toEqual([
      at('damaged/a/2.jpg'),
      at('damaged/a/5.jpg'),
    ]);
    expect(loader.skipped.map(({ reason }) => reason).sort()).toEqual([
      expect.stringMatching(/premature end/),
      'the file is empty',
    ]);
    await loader.close();
  });

  it('skip: in evaluation it has the label −1 and zeros as pixels', async () => {
    const onError = { policy: 'skip', limit: 2 } as const;
    const [batch] = await collect(
      options(damaged, { sampler: sequential, onError, batchSize: 8, end: 8 }),
    );
    expect(batch!.labels).toEqual([0, 0, -1, 0, 0, -1, 1, 1]);
    expect(batch!.indices).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(batch!.images.slice(2 * 192, 3 * 192).every((value) => value === 0)).toBe(true);
  });

  it('skip: one file beyond the limit is an error', async () => {
    const onError = { policy: 'skip', limit: 1 } as const;
    await expect(collect(options(damaged, { ...train, onError }), 20)).rejects.toThrow(
      /2 files cannot be decoded, 1 may be skipped; the last one: .*damaged\/a\/[25]\.jpg/,
    );
  });

  it('skip: a class without any decodable image is an error in training', async () => {
    await solid(at('hopeless/good/1.jpg'), [1, 2, 3]);
    await solid(at('hopeless/bad/1.jpg'), [1, 2, 3]);
    writeFileSync(at('hopeless/bad/1.jpg'), 'x');
    writeFileSync(at('hopeless/bad/2.jpg'), 'y');
    const dataset = indexFolder(at('hopeless')).index;
    const onError = { policy: 'skip', limit: 9 } as const;
    await expect(collect(options(dataset, { ...train, onError }), 9)).rejects.toThrow(
      'class "bad": none of its images can be decoded',
    );
  });
});
