import type { Window } from '../../engine/engine.js';

/** One number where height and width have the same. */
export const describeStride = ([height, width]: Window['stride']): string =>
  height === width ? `${height}` : `${height}x${width}`;
