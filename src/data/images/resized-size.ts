/** How large an image becomes. */

import type { SizeProtocol } from '../../config/resizing.js';

export interface Size {
  width: number;
  height: number;
}

/** An image that its resize would make larger than this counts as undecodable: a strip of extreme proportions. */
export const MAX_RESIZED_PIXELS = 4_000_000;

/** With a shorter side of `resize`, the other one in proportion: rounded half up, by torchvision rounded down. */
export function resizedSize(
  { width, height }: Size,
  resize: number,
  protocol: SizeProtocol = 'relaybp',
): Size {
  const short = Math.min(width, height);
  const whole = protocol === 'torchvision' ? Math.floor : Math.round;
  const of = (side: number): number => (side === short ? resize : whole((side * resize) / short));
  return { width: of(width), height: of(height) };
}
