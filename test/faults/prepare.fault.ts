/** `relaybp data prepare`, killed at any moment: the same command goes on and ends at the same bytes. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { Random } from '../../src/random.js';
import { painted } from '../data/images.js';
import { times, Workplace } from './support.js';

const CLASSES = ['blue', 'green', 'red'];
/** Images of a class in the training part. */
const IMAGES = 120;

let place: Workplace;
beforeAll(async () => {
  place = new Workplace('images');
  for (const [part, count] of [
    ['train', IMAGES],
    ['val', 4],
  ] as const) {
    for (const name of CLASSES) {
      mkdirSync(place.at('images', part, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const shade = (x: number) => (x * 7 + i) % 256;
        const path = place.at('images', part, name, `${i}.jpg`);
        await painted(path, 80, 64, (x, y) => [shade(x), shade(y), shade(x * y)]);
      }
    }
  }
});

/** How many files and folders are below a folder. */
const filesIn = (folder: string): number =>
  existsSync(folder) ? readdirSync(folder, { recursive: true }).length : 0;

/** Relative path and bytes of every file below a folder. */
function contents(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(join(folder, name))]));
}

it.each([
  ['shards', ['--images-per-shard', '9']],
  ['copies', ['--format', 'copies']],
] as const)(
  `%s: killed at random moments (${times(4, 30)} times), goes on to the same bytes`,
  async (name, options) => {
    const command = (out: string) => ['data', 'prepare', 'c.yaml', ...options, '--out', out];
    const began = performance.now();
    expect(await place.relaybp(command(`${name}-whole`))).toMatchObject({ code: 0 });
    const duration = performance.now() - began;
    const whole = contents(place.at(`${name}-whole`));
    expect(whole.size).toBeGreaterThan(40);

    const seed = Date.now();
    const random = new Random(seed, name);
    let [kills, halfDone] = [0, 0];
    while (kills < times(4, 30)) {
      const { child, outcome } = place.start(command(name));
      // At any time, and every second time in the midst of writing, however busy the machine is.
      if (kills % 2 === 0) await sleep((0.2 + 0.8 * random.next()) * duration);
      else {
        const some = 5 + random.int(whole.size >> 1);
        while (filesIn(place.at(name)) < some && child.exitCode === null) await sleep(1);
      }
      child.kill('SIGKILL');
      const { signal } = await outcome;
      if (signal === 'SIGKILL') {
        kills++;
        const found = existsSync(place.at(name))
          ? contents(place.at(name))
          : new Map<string, Buffer>();
        if (found.size > 4 && found.size < whole.size) halfDone++;
        // Whatever bears its name is whole.
        for (const [file, bytes] of found) {
          if (file.endsWith('.tmp') || file.endsWith('prepared.json')) continue;
          expect(bytes.equals(whole.get(file)!), `${file}, seed ${seed}`).toBe(true);
        }
      }
      if (signal !== 'SIGKILL' || random.next() < 0.3) {
        expect(await place.relaybp(command(name))).toMatchObject({ code: 0 });
        expect(contents(place.at(name)), `seed ${seed}`).toEqual(whole);
        rmSync(place.at(name), { recursive: true, force: true });
      }
    }
    expect(halfDone).toBeGreaterThan(0);
  },
);
