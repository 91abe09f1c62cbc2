/** How large an image becomes. */

export interface Size {
  width: number;
  height: number;
}

/** An image that its resize would make larger than this counts as undecodable: a strip of extreme proportions. */
export const MAX_RESIZED_PIXELS = 4_000_000;

/** With a shorter side of `resize`, the other one in proportion, rounded half up. */
export function resizedSize({ width, height }: Size, resize: number): Size {
  const short = Math.min(width, height);
  const of = (side: number): number =>
    side === short ? resize : Math.round((side * resize) / short);
  return { width: of(width), height: of(height) };
}
