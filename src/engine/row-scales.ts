import { EngineError } from '../errors.js';
import type { Scale } from './engine.js';

/** A scale row by row. @throws EngineError if there are not as many as rows */
export function rowScales(scale: Scale, rows: number): Float64Array {
  if (typeof scale === 'number') return new Float64Array(rows).fill(scale);
  if (scale.length === rows) return scale;
  throw new EngineError(`got ${scale.length} scales for ${rows} rows of logits`);
}
