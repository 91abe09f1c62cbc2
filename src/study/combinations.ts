import { type LoadedStudy, mistake } from './load-study.js';
import type { StudyConfig } from './study-schema.js';

type Variant = StudyConfig['axes'][number]['variants'][number];

/** One variant of every axis. */
export interface Combination {
  /** `19_relay`: names of its variants in the order of the axes. */
  readonly id: string;
  /** `19, relay`, by their labels. */
  readonly label: string;
  /** Axis → name of the variant. */
  readonly variants: Readonly<Record<string, string>>;
}

/** More would be a mistake. */
const MOST = 1000;

/**
 * All combinations that are not left out; the variants of the last axis change first.
 *
 * @throws ConfigError if there is none, or far too many
 */
export function combinationsOf(loaded: LoadedStudy): Combination[] {
  const { axes, exclude } = loaded.study;
  const count = axes.reduce((product, { variants }) => product * variants.length, 1);
  if (count > MOST) {
    throw mistake(loaded, ['axes'], `${count} combinations; ${MOST} are the most`);
  }
  const all = axes.reduce<Variant[][]>(
    (found, { variants }) => found.flatMap((chosen) => variants.map((one) => [...chosen, one])),
    [[]],
  );
  const combinations = all.map((chosen): Combination => {
    const names = chosen.map(({ name }) => name);
    return {
      id: names.join('_'),
      label: chosen.map(labelOf).join(', '),
      variants: Object.fromEntries(axes.map((axis, i) => [axis.name, names[i]!])),
    };
  });
  const kept = combinations.filter(
    ({ variants }) => !exclude.some((one) => matches(variants, one)),
  );
  if (kept.length === 0) {
    throw mistake(loaded, ['exclude'], `all ${all.length} combinations are left out`);
  }
  const ids = kept.map(({ id }) => id.toLowerCase());
  const twice = kept.find(({ id }, i) => ids.indexOf(id.toLowerCase()) < i);
  if (twice) {
    throw mistake(
      loaded,
      ['axes'],
      `two combinations would both have the name ${twice.id}`,
      'give the variants names without _',
    );
  }
  return kept;
}

/** The variants that a combination is made of, in the order of the axes. */
export function variantsOf({ axes }: StudyConfig, combination: Combination): Variant[] {
  return axes.map(
    ({ name, variants }) => variants.find((one) => one.name === combination.variants[name])!,
  );
}

export const labelOf = ({ name, label = name }: Variant): string => label;

/** Whether a combination is among those that a mapping of axes to variants means. */
export function matches(
  variants: Combination['variants'],
  meant: Readonly<Record<string, string | readonly string[]>>,
): boolean {
  return Object.entries(meant).every(([axis, chosen]) => [chosen].flat().includes(variants[axis]!));
}
