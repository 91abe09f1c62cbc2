import type { z } from 'zod';

/**
 * The rule that a value breaks, in plain words, for schemas that do not say it themselves: what comes after
 * `optimizer.lr: 0: `. Give it to `safeParse` as `error`.
 */
export function ruleText(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${oneOf(issue.values)}`;
    case 'invalid_union':
      return Array.isArray(issue.options) ? `must be ${oneOf(issue.options)}` : 'has no known form';
    case 'too_small':
      return smallest(issue.origin, issue.minimum, issue.inclusive ?? true);
    case 'too_big':
      return largest(issue.origin, issue.maximum, issue.inclusive ?? true);
    default:
      return 'is not allowed here';
  }
}

const KINDS: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a mapping (keys with values)',
};

/** `sgd or adamw`, `constant, step or poly` */
function oneOf(values: readonly unknown[]): string {
  const texts = values.map(String);
  const last = texts.pop();
  return texts.length === 0 ? `${last}` : `${texts.join(', ')} or ${last}`;
}

function smallest(origin: string, minimum: number | bigint, inclusive: boolean): string {
  if (origin === 'string')
    return minimum === 1 ? 'must not be empty' : `must have at least ${minimum} characters`;
  if (origin === 'array') return `must have at least ${minimum} ${items(minimum)}`;
  return inclusive ? `must be at least ${minimum}` : `must be greater than ${minimum}`;
}

function largest(origin: string, maximum: number | bigint, inclusive: boolean): string {
  if (origin === 'string') return `must have at most ${maximum} characters`;
  if (origin === 'array') return `must have at most ${maximum} ${items(maximum)}`;
  return inclusive ? `must be at most ${maximum}` : `must be less than ${maximum}`;
}

const items = (count: number | bigint): string => (Number(count) === 1 ? 'item' : 'items');
