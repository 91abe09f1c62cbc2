/** A study that is killed at any moment, again and again, comes to the numbers of one that was left alone. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { Random } from '../../src/random.js';
import { hasRemovedWeights } from '../../src/run/removed-weights.js';
import { colourImages } from '../support/images.js';
import { expectSame, expectSound, expectTidy, timeless, times, Workplace } from './support.js';

const STUDY = `version: 1
name: killed
base: c.yaml
set:
  training: {steps: 12, batchSize: 8, microBatch: 4, logEvery: 1 steps}
  checkpoint.every: 1 steps
  evaluation.every: 3 steps
axes:
  - name: method
    variants:
      - {name: bp, set: {losses.primary.range: null, losses: [{name: auxiliary, remove: true}]}}
      - {name: relay}
tune: {values: {optimizer.lr: [0.01, 0.02]}, seeds: [9]}
seeds: [1, 2]
`;

/** A trial has the very rows of an uninterrupted one; neither has weights any more. */
function expectRemoved(run: string, reference: string): void {
  for (const one of [run, reference]) {
    expect(hasRemovedWeights(one)).toBe(true);
    const left = readdirSync(one);
    expect(left.filter((name) => /^(checkpoints|last|best)$/.test(name))).toEqual([]);
  }
  expect(timeless(run)).toEqual(timeless(reference));
}

let images: string;
beforeAll(async () => {
  images = await colourImages();
});

const KILLS = times(4, 40);

it(`killed with SIGKILL at random moments (${KILLS} times): the same command goes on; no run is repeated or torn, the numbers are those of an uninterrupted study`, async () => {
  const place = new Workplace(images);
  writeFileSync(place.at('s.yaml'), STUDY);
  const study = (out: string): string[] => [
    ...['study', 's.yaml', '--engine', 'wasm', '--jobs', '2', '--out', out],
  ];
  const began = performance.now();
  expect(await place.relaybp(study('whole'))).toMatchObject({ code: 0 });
  const duration = performance.now() - began;
  const seed = Date.now();
  const random = new Random(seed, 'kills');
  const isRun =
    (of: string) =>
    (id: string): boolean =>
      existsSync(place.at(of, id, 'config.yaml'));
  const expectAlike = (): void => {
    const runs = readdirSync(place.at('whole')).filter(isRun('whole'));
    expect(runs).toHaveLength(8);
    for (const id of runs) {
      const [killed, whole] = [place.at('killed', id), place.at('whole', id)];
      expectTidy(killed);
      if (existsSync(join(whole, 'last'))) expectSame(killed, whole);
      else expectRemoved(killed, whole);
      const evaluation = (of: string): string | null => {
        const file = place.at(of, id, 'evaluation.json');
        return existsSync(file) ? readFileSync(file, 'utf8') : null;
      };
      expect(evaluation('killed')).toBe(evaluation('whole'));
    }
  };
  let kills = 0;
  const finished = new Map<string, string>();
  while (kills < KILLS) {
    const { child, outcome } = place.start(study('killed'));
    await sleep(random.next() * 0.3 * duration);
    child.kill('SIGKILL');
    const { signal } = await outcome;
    if (signal !== 'SIGKILL') {
      expectAlike(); // it was over
      rmSync(place.at('killed'), { recursive: true });
      finished.clear();
      continue;
    }
    kills++;
    if (!existsSync(place.at('killed'))) continue;
    for (const id of readdirSync(place.at('killed')).filter((name) => !name.includes('.json'))) {
      const run = place.at('killed', id);
      expectSound(run);
      const end = `${run}/outcome.json`;
      if (!existsSync(end)) continue;
      const text = readFileSync(end, 'utf8');
      expect(JSON.parse(text), `seed ${seed}`).toMatchObject({ state: 'finished' });
      expect(finished.get(id) ?? text, 'what is done is not done again').toBe(text);
      finished.set(id, text);
    }
  }
  const { code, stderr } = await place.relaybp(study('killed'));
  expect({ code, stderr }, `seed ${seed}`).toMatchObject({ code: 0 });
  expectAlike();
  console.log(`seed ${seed}: ${kills} kills`);
});
