import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baselines, countImages, prepareDemo } from '../../scripts/demo/prepare.js';

const CLASSES = {
  activities: 85,
  'animals-nature': 159,
  flags: 270,
  'food-drink': 131,
  objects: 264,
  'people-body': 386,
  'smileys-emotion': 169,
  symbols: 224,
  'travel-places': 218,
};

describe('the demo data set, from the real packages', () => {
  let parent: string;
  let target: string;

  beforeAll(async () => {
    parent = mkdtempSync(join(tmpdir(), 'relaybp-demo-'));
    target = join(parent, 'demo-emoji');
    mkdirSync(`${target}.tmp-999999999`); // what a run that was killed leaves
    expect(await prepareDemo(target)).toBe(true);
  });
  afterAll(() => rmSync(parent, { recursive: true, force: true }));

  it('has every category as an unbalanced class, by both artists', () => {
    expect(countImages(join(target, 'train'))).toEqual(CLASSES);
    expect(countImages(join(target, 'val'))).toEqual(CLASSES);
  });

  it('holds 64x64 RGB JPEGs, on white', async () => {
    for (const part of ['train', 'val']) {
      const image = sharp(join(target, part, 'smileys-emotion', 'grinning.jpg'));
      expect(await image.metadata()).toMatchObject({
        format: 'jpeg',
        width: 64,
        height: 64,
        channels: 3,
        space: 'srgb',
      });
      const corner = [...(await image.raw().toBuffer()).subarray(0, 3)];
      expect(corner.every((value) => value > 250)).toBe(true);
    }
  });

  it('shows the same emoji drawn by different hands', async () => {
    const pixels = (part: string) =>
      sharp(join(target, part, 'animals-nature', 'dog.jpg'))
        .raw()
        .toBuffer();
    expect(await pixels('train')).not.toEqual(await pixels('val'));
  });

  it('is left as it is by a repeated run', async () => {
    const file = join(target, 'train', 'flags', 'jp.jpg');
    const before = statSync(file);
    const flag = readdirSync(join(target, 'train', 'flags'));
    expect(await prepareDemo(target)).toBe(false);
    expect(statSync(file)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
    expect(readdirSync(join(target, 'train', 'flags'))).toEqual(flag);
  });

  it('is the only thing in its parent folder: interrupted runs are cleared away', () => {
    expect(readdirSync(parent)).toEqual(['demo-emoji']);
  });

  it("never touches somebody else's folder", async () => {
    const other = mkdtempSync(join(tmpdir(), 'relaybp-demo-'));
    writeFileSync(join(other, 'mine.txt'), 'mine');
    await expect(prepareDemo(other)).rejects.toThrow('move it away');
    expect(readdirSync(other)).toEqual(['mine.txt']);
    rmSync(other, { recursive: true });
  });
});

describe('baselines', () => {
  it('are chance and the most frequent classes', () => {
    expect(baselines({ a: 10, b: 50, c: 10, d: 10, e: 10, f: 10 })).toEqual({
      images: 100,
      classes: 6,
      largest: 'b',
      chance: { top1: expect.closeTo(16.667, 2), top5: expect.closeTo(83.333, 2) },
      majority: { top1: 50, top5: 90 },
    });
  });
});
