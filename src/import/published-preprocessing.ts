/** The evaluation preprocessing that was published with weights, in the words of a config. */
import type { Interpolation } from '../config/resizing.js';

export interface PublishedPreprocessing {
  /** Whose it is, for people. */
  readonly source: string;
  /** Length of the shorter side; sizes and centre crop are rounded as torchvision rounds them. */
  readonly resize: number;
  /** Side of the centre crop, which is the network's input. */
  readonly crop: number;
  readonly interpolation: Interpolation;
  /** Of red, green and blue, on the 0–255 scale. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** What else there is to say, a line each. */
  readonly notes: readonly string[];
}

/** From the 0–1 scale, without the last bits of the multiplication: 0.485 is 123.675. */
export const on255 = (values: readonly number[]): number[] =>
  values.map((value) => Number((value * 255).toFixed(6)));

/** As overrides of a config (`key=value`), the network's input with them. */
export function asOverrides(published: PublishedPreprocessing): string[] {
  const { resize, crop, interpolation, mean, std } = published;
  return [
    `data.resize=${resize}`,
    `data.crop=${crop}`,
    `model.input=[${crop},${crop},3]`,
    `data.interpolation=${interpolation}`,
    'data.protocol=torchvision',
    `data.mean=[${mean.join(',')}]`,
    `data.std=[${std.join(',')}]`,
  ];
}
