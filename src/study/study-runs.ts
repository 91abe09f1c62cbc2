import { isAbsolute, join } from 'node:path';
import { expandHome } from '../config/home.js';
import { formatPath } from '../config/issues.js';
import { type ConfigLayer, type LoadedConfig, loadLayers } from '../config/load.js';
import type { Yaml } from '../config/merge.js';
import { type ExperimentPlan, planExperiment } from '../experiment/experiment-plan.js';
import { type Combination, combinationsOf, matches, variantsOf } from './combinations.js';
import { type LoadedStudy, mistake } from './load-study.js';
import type { StudyConfig, Values } from './study-schema.js';
import { shortKey } from './values-text.js';

/** A combination with a value for each tuned key; the only one of its combination where nothing is tuned. */
export interface Candidate {
  readonly combination: Combination;
  readonly values: Values;
  /** Of its trials: seeds are still to be set. Null where nothing is tuned. */
  readonly trial: Variation | null;
  /** Of its final runs. */
  readonly final: Variation;
}

/** A config but for its seed, and what follows from it. */
export interface Variation {
  readonly loaded: LoadedConfig;
  readonly plan: ExperimentPlan;
}

/** A training of the study: a run folder. */
export interface StudyRun {
  /** Name of its folder: `19_relay_lr0.01_seed1`. */
  readonly id: string;
  readonly candidate: Candidate;
  readonly seed: number;
  /** Of its candidate: seed apart. */
  readonly variation: Variation;
  /** With the seed. */
  readonly loaded: LoadedConfig;
  readonly plan: ExperimentPlan;
}

/** All that a study may come to: which final runs there will be depends on the trials. */
export interface StudyPlan {
  readonly loaded: LoadedStudy;
  readonly combinations: readonly Combination[];
  /** By id of the combination. */
  readonly candidates: ReadonlyMap<string, readonly Candidate[]>;
}

/** @throws ConfigError naming the place in the study, or in a config that it is made of */
export function planStudy(loaded: LoadedStudy): StudyPlan {
  const combinations = combinationsOf(loaded);
  const candidates = new Map(
    combinations.map((combination) => [combination.id, candidatesOf(loaded, combination)]),
  );
  const plan = { loaded, combinations, candidates };
  checkIds(plan);
  return plan;
}

/** The trials of a combination, those of the first seed first; none where nothing is tuned. */
export function trialsOf({ loaded, candidates }: StudyPlan, { id }: Combination): StudyRun[] {
  const seeds = loaded.study.tune?.seeds ?? [];
  return seeds.flatMap((seed) =>
    candidates.get(id)!.map((candidate) => {
      const { trial } = candidate;
      return runOf(candidate, trial!, seed, trial === candidate.final ? '' : 'trial_');
    }),
  );
}

/** The final runs of a candidate. */
export const finalRunsOf = ({ loaded }: StudyPlan, candidate: Candidate): StudyRun[] =>
  loaded.study.seeds.map((seed) => runOf(candidate, candidate.final, seed, ''));

function runOf(candidate: Candidate, variation: Variation, seed: number, prefix: string): StudyRun {
  const { combination, values } = candidate;
  const tuned = Object.entries(values).map(([key, value]) => `_${shortKey(key, values)}${value}`);
  const id = `${prefix}${combination.id}${tuned.join('')}_seed${seed}`;
  const { loaded, plan } = variation;
  const config = Object.freeze({ ...loaded.config, seed });
  return {
    id: id.replaceAll(/[^\w.+-]/g, '-'),
    candidate,
    seed,
    variation,
    loaded: { ...loaded, config },
    plan: { ...plan, config },
  };
}

function candidatesOf(loaded: LoadedStudy, combination: Combination): Candidate[] {
  const { study } = loaded;
  const layers = layersOf(loaded, combination);
  return gridOf(study, combination).map((values) => {
    const tuned = Object.entries(values).map(([key, value]): ConfigLayer => {
      return { key, value, label: labelAt(loaded, ['tune', 'values', key]) };
    });
    const final = variationOf([...layers, ...tuned]);
    const own = settingsAt(loaded, ['tune', 'set'], study.tune?.set ?? {});
    const trial = own.length === 0 ? final : variationOf([...layers, ...tuned, ...own]);
    return { combination, values, final, trial: study.tune ? trial : null };
  });
}

function variationOf(layers: readonly ConfigLayer[]): Variation {
  const loaded = loadLayers(layers);
  return { loaded, plan: planExperiment(loaded) };
}

/** The values of every tuned key, each with each; one without values where nothing is tuned. */
function gridOf(study: StudyConfig, combination: Combination): Values[] {
  const grid = gridFor(study, combination);
  return Object.entries(grid).reduce<Values[]>(
    (found, [key, values]) =>
      found.flatMap((before) => values.map((value) => ({ ...before, [key]: value }))),
    [{}],
  );
}

/** What is tried with a combination, by key: a variant may have values of its own. */
export function gridFor(
  study: StudyConfig,
  combination: Combination,
): NonNullable<StudyConfig['tune']>['values'] {
  const own = variantsOf(study, combination).map(({ tune }) => tune);
  return Object.assign({}, study.tune?.values, ...own);
}

/** What the config of a combination is made of, seed and tuned values apart. */
function layersOf(loaded: LoadedStudy, combination: Combination): ConfigLayer[] {
  const { study, folder } = loaded;
  const files = (paths: string | readonly string[] | undefined, label: string): ConfigLayer[] =>
    [paths ?? []].flat().map((path) => {
      const expanded = expandHome(path, label);
      return { file: isAbsolute(expanded) ? expanded : join(folder, expanded) };
    });
  const layers: ConfigLayer[] = [
    ...files(study.base, labelAt(loaded, ['base'])),
    ...settingsAt(loaded, ['set'], study.set),
  ];
  for (const [i, { name, variants }] of study.axes.entries()) {
    const j = variants.findIndex((variant) => variant.name === combination.variants[name]);
    const at = ['axes', i, 'variants', j];
    const variant = variants[j]!;
    layers.push(
      ...files(variant.extends, labelAt(loaded, [...at, 'extends'])),
      ...settingsAt(loaded, [...at, 'set'], variant.set),
    );
  }
  for (const [i, one] of study.combinations.entries()) {
    if (!matches(combination.variants, one.for)) continue;
    layers.push(
      ...files(one.extends, labelAt(loaded, ['combinations', i, 'extends'])),
      ...settingsAt(loaded, ['combinations', i, 'set'], one.set),
    );
  }
  if (layers.some((layer) => 'file' in layer)) return layers;
  throw mistake(
    loaded,
    ['name'],
    `the study gives ${combination.id} no config to begin with`,
    'name one: base: ../configs/my.yaml, or extends in the variants of an axis',
  );
}

const settingsAt = (
  loaded: LoadedStudy,
  path: readonly (string | number)[],
  settings: Readonly<Record<string, unknown>>,
): ConfigLayer[] =>
  Object.entries(settings).map(([key, value]) => {
    return { key, value: value as Yaml, label: labelAt(loaded, [...path, key]) };
  });

/** `studies/depth.yaml:12:5: axes[0].variants[1].set` */
function labelAt({ locate }: LoadedStudy, path: readonly (string | number)[]): string {
  return `${locate(path)}: ${formatPath(path)}`;
}

/** Two runs with the same folder would be one. */
function checkIds(plan: StudyPlan): void {
  const owners = new Map<string, Variation>();
  for (const { id, variation } of possibleRuns(plan)) {
    const key = id.toLowerCase();
    if ((owners.get(key) ?? variation) !== variation) {
      throw mistake(
        plan.loaded,
        ['axes'],
        `two different runs would both be in the folder ${id}`,
        'give the variants, or the values that are tuned, names that differ',
      );
    }
    owners.set(key, variation);
  }
}

/** All trials, and the final runs of every candidate. */
export const possibleRuns = (plan: StudyPlan): StudyRun[] =>
  plan.combinations.flatMap((combination) => [
    ...trialsOf(plan, combination),
    ...plan.candidates.get(combination.id)!.flatMap((one) => finalRunsOf(plan, one)),
  ]);
