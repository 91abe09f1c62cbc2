/** Ranks that would train different things refuse before anything is written, and say who differs in what. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type PreparedTraining, prepareTraining } from '../../src/commands/prepare-training.js';
import { checkSame } from '../../src/commands/same-on-all-ranks.js';
import type { Communicator } from '../../src/distributed/communicator.js';
import { single } from '../../src/distributed/single.js';
import { parseConfig } from '../../src/index.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let prepared: PreparedTraining;
beforeAll(async () => {
  process.env.RELAYBP_CACHE_DIR = mkdtempSync(join(tmpdir(), 'relaybp-same-'));
  const made = await prepareTraining({
    file: parseConfig(SMALL_CONFIG.replace('data/small', await colourImages()), 'c'),
    options: { engine: 'wasm' },
    hooks: {},
    notice: () => {},
    resumed: null,
    ranks: 2,
  });
  if ('nothing' in made) throw new Error('there is something to do');
  prepared = made;
});

/** Rank 0 of two, of which the other says the same but for one thing. */
function beside(change: Record<string, unknown>): Communicator {
  return {
    ...single,
    size: 2,
    name: (rank) => `rank ${rank} on host-${rank}`,
    gather: async (bytes) => {
      const { value } = JSON.parse(Buffer.from(bytes).toString()) as { value: object | null };
      const other = value && { ...value, ...change };
      return [bytes, Buffer.from(JSON.stringify({ value: other ?? null }))];
    },
  };
}

test('the same on both is accepted', async () => {
  await checkSame(beside({}), prepared);
});

test.each([
  [{ version: '9.9.9' }, /^rank 1 on host-1 has relaybp 9\.9\.9, rank 0 on host-0 has \d/],
  [{ step: 7 }, 'rank 1 on host-1 would go on after step 7, rank 0 on host-0 after step 0'],
  [{ engine: 'native, float32, x' }, 'rank 1 on host-1 has the engine native, float32, x, rank 0'],
  [{ train: 'f00d' }, 'the training images that rank 1 on host-1 sees are not those of rank 0'],
  [{ val: 'f00d' }, 'the validation images that rank 1 on host-1 sees are not those of rank 0'],
])('%j is refused', async (change, message) => {
  await expect(checkSame(beside(change), prepared)).rejects.toThrow(message);
});
