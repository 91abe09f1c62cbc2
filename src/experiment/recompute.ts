import { distance } from 'fastest-levenshtein';
import type { ExperimentConfig } from '../config/experiment-schema.js';
import { ConfigError } from '../errors.js';
import type { TrunkLayer } from '../relay/ranges.js';

/**
 * The segments that `recompute` names.
 *
 * @throws ConfigError with the key path where a name is not a segment's, or is there twice
 */
export function recomputedSegments(
  { recompute }: Pick<ExperimentConfig, 'recompute'>,
  trunk: readonly TrunkLayer[],
): string[] {
  const segments = [...new Set(trunk.map(({ segment }) => segment))];
  if (typeof recompute === 'boolean') return recompute ? segments : [];
  recompute.forEach((name, i) => {
    if (!segments.includes(name)) {
      throw new ConfigError(
        `"${name}" is not a segment of the trunk`,
        suggestion(name, segments, trunk),
        ['recompute', i],
      );
    }
    if (recompute.indexOf(name) < i) {
      throw new ConfigError(`${name} is named twice`, 'name each segment once', ['recompute', i]);
    }
  });
  return [...recompute];
}

function suggestion(
  name: string,
  segments: readonly string[],
  trunk: readonly TrunkLayer[],
): string {
  const layer = trunk.find((candidate) => candidate.name === name);
  if (layer) return `whole segments are computed again; ${name} is a layer of ${layer.segment}`;
  const [nearest] = [...segments].sort((a, b) => distance(name, a) - distance(name, b));
  const close = nearest !== undefined && distance(name, nearest) <= Math.max(2, name.length / 3);
  return `${close ? `did you mean "${nearest}"? ` : ''}Segments: ${segments.join(', ')}`;
}
