import { describe, expect, it } from 'vitest';
import { PixelCache, pixelCacheMemory } from '../../../src/data/images/pixel-cache.js';

/** [2, 3, 3], of one value. */
const picture = (value: number) => ({
  data: new Uint8Array(18).fill(value),
  width: 3,
  height: 2,
});

describe('PixelCache', () => {
  it('gives all its threads what one of them has added', () => {
    const memory = pixelCacheMemory(1000, 10);
    const [one, other] = [new PixelCache(memory), new PixelCache(memory)];
    expect(one.get(4)).toBeUndefined();
    one.add(4, picture(7));
    other.add(9, picture(200));
    for (const cache of [one, other]) {
      expect(cache.get(4)).toEqual(picture(7));
      expect(cache.get(9)).toEqual(picture(200));
      expect(cache.get(0)).toBeUndefined();
    }
  });

  it('keeps the first of two that decode the same image', () => {
    const memory = pixelCacheMemory(1000, 1);
    new PixelCache(memory).add(0, picture(1));
    new PixelCache(memory).add(0, picture(2));
    expect(new PixelCache(memory).get(0)).toEqual(picture(1));
  });

  it('keeps its own copy', () => {
    const cache = new PixelCache(pixelCacheMemory(1000, 1));
    const own = picture(1);
    cache.add(0, own);
    own.data.fill(5);
    expect(cache.get(0)).toEqual(picture(1));
  });

  it('takes as many as it has room for, for all threads, and none after that', () => {
    // 18 bytes of pixels and 8 that say the size: 32 with what fills them up.
    const memory = pixelCacheMemory(64, 5);
    const [one, other] = [new PixelCache(memory), new PixelCache(memory)];
    one.add(0, picture(0));
    other.add(1, picture(1));
    expect(one.isFull).toBe(false);
    one.add(2, picture(2));
    expect([one.isFull, other.isFull]).toEqual([true, true]);
    expect(one.get(2)).toBeUndefined();
    other.add(3, { data: new Uint8Array(3), width: 1, height: 1 });
    expect(other.get(3)).toBeUndefined();
    expect(other.get(0)).toEqual(picture(0));
    expect(other.get(1)).toEqual(picture(1));
  });

  it('keeps nothing without memory', () => {
    expect(pixelCacheMemory(0, 3)).toBeNull();
    const cache = new PixelCache(null);
    expect(cache.isFull).toBe(true);
    cache.add(0, picture(1));
    expect(cache.get(0)).toBeUndefined();
  });
});
