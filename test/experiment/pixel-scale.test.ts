import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { pixelScaleNotice } from '../../src/experiment/pixel-scale.js';
import { SMALL_CONFIG } from '../support/configs.js';

const noticeOf = (...set: string[]): string | null =>
  pixelScaleNotice(parseConfig(SMALL_CONFIG, 'c', set).config.data);

it("torchvision's numbers are recognized, and what they are on our scale is said", () => {
  expect(noticeOf('data.mean=[0.485, 0.456, 0.406]', 'data.std=[0.229, 0.224, 0.225]')).toBe(
    'data.mean: [0.485, 0.456, 0.406], data.std: [0.229, 0.224, 0.225]: at most 1, as for pixels from 0 to 1, but pixels are 0 to 255 here; on that scale: mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375]',
  );
});

it.each([
  [['data.std=0.5'], 'std: 127.5'],
  [['data.mean=[0.5, 0.5, 0.5]', 'data.std=channel'], 'mean: [127.5, 127.5, 127.5]'],
  [['data.mean=[1, 0, 0]'], 'mean: [255, 0, 0]'],
])('%j: alone, too', (set, meant) => {
  expect(noticeOf(...set)).toContain(`on that scale: ${meant}`);
});

it.each([
  [['data.mean=pixel', 'data.std=1']],
  [['data.mean=channel', 'data.std=channel']],
  [['data.mean=[0, 0, 0]', 'data.std=255']],
  [['data.mean=[0, 0, 0]', 'data.std=[1, 1, 1]']],
  [['data.mean=[123.675, 116.28, 103.53]', 'data.std=[58.395, 57.12, 57.375]']],
  [['data.mean=[0.9, 40, 60]', 'data.std=1']], // images with next to no red
])('%j: nothing is said', (set) => {
  expect(noticeOf(...set)).toBeNull();
});
