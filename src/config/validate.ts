import type { z } from 'zod';
import { describeIssues } from './issues.js';
import { replacedAt } from './meant.js';
import { namesFor, type Yaml } from './merge.js';
import type { Path } from './path.js';
import { ruleText } from './rule-text.js';
import type { ConfigSource } from './source.js';

export interface Validated<T> {
  /** Deeply frozen; every default filled in. */
  readonly data: T;
  /** Where the value at `path` was set: `configs/a.yaml:12:5`, `--set training.steps=3`, or the main file. */
  locate(path: Path): string;
}

/**
 * Checks what was put together from sources against its schema.
 *
 * @throws ConfigError naming file, position, key path, value, rule and the nearest valid key
 */
export function validated<T>(
  schema: z.ZodType<T>,
  merged: Yaml,
  sources: readonly ConfigSource[],
): Validated<T> {
  const locate = (path: Path): string => {
    for (let length = path.length; length > 0; length--) {
      for (const source of [...sources].reverse()) {
        const position = source.position(namesFor(path.slice(0, length), merged));
        if (position !== undefined) return position;
      }
    }
    return sources.at(-1)?.label ?? 'config';
  };
  const result = schema.safeParse(merged, { error: ruleText });
  if (!result.success) {
    throw describeIssues(result.error, merged, {
      schema,
      locate,
      source: (path) => {
        const names = namesFor(path, merged);
        return sources.map((source) => source.text(names)).findLast((text) => text !== undefined);
      },
      fits: (path, value) => {
        const { error } = schema.safeParse(replacedAt(merged, path, value));
        return !error?.issues.some(({ path: other }) => path.every((key, i) => other[i] === key));
      },
    });
  }
  return { data: deepFreeze(result.data), locate };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item);
    Object.freeze(value);
  }
  return value;
}
