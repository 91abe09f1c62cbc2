import { dirname, resolve } from 'node:path';
import { formatPath } from '../config/issues.js';
import { withoutEmptyKeys } from '../config/known-keys.js';
import { readSourceFile } from '../config/load.js';
import type { Path } from '../config/path.js';
import { validated } from '../config/validate.js';
import { ConfigError } from '../errors.js';
import { nearest } from '../near.js';
import { type StudyConfig, studySchema } from './study-schema.js';

/** A study as it was written, checked. */
export interface LoadedStudy {
  readonly study: StudyConfig;
  /** The folder that paths of configs are relative to. */
  readonly folder: string;
  /** Where the value at `path` was written: `studies/depth.yaml:12:5`. */
  locate(path: Path): string;
}

/**
 * Reads a study.
 *
 * @throws ConfigError naming file, position, key path, value, rule and the nearest valid key or name
 */
export function loadStudy(file: string): LoadedStudy {
  const source = readSourceFile(file);
  const { data, locate } = validated(studySchema, withoutEmptyKeys(studySchema, source.data), [
    source,
  ]);
  const loaded = { study: data, folder: dirname(resolve(file)), locate };
  checkNames(loaded);
  checkTable(loaded);
  return loaded;
}

/** A mistake at a place of a study. */
export function mistake(
  { locate }: Pick<LoadedStudy, 'locate'>,
  path: Path,
  what: string,
  hint?: string,
): ConfigError {
  return new ConfigError(`${locate(path)}: ${formatPath(path)}: ${what}`, hint);
}

/** Rules between keys that the schema cannot see. */
function checkNames(loaded: LoadedStudy): void {
  const { axes, combinations, exclude, tune, seeds } = loaded.study;
  checkUnique(loaded, ['axes'], axes);
  for (const [i, { variants }] of axes.entries()) {
    checkUnique(loaded, ['axes', i, 'variants'], variants);
    for (const [j, variant] of variants.entries()) {
      for (const key of Object.keys(variant.tune)) {
        const keys = Object.keys(tune?.values ?? {});
        if (keys.includes(key)) continue;
        const at = ['axes', i, 'variants', j, 'tune', key];
        throw mistake(
          loaded,
          at,
          `is none of the keys of tune.values (${keys.join(', ') || 'none'})`,
        );
      }
    }
  }
  for (const [i, one] of combinations.entries()) {
    checkPlace(loaded, ['combinations', i, 'for'], one.for);
  }
  for (const [i, left] of exclude.entries()) checkPlace(loaded, ['exclude', i], left);
  checkSeeds(loaded, ['seeds'], seeds);
  if (tune) checkSeeds(loaded, ['tune', 'seeds'], tune.seeds);
  for (const [key, values] of Object.entries(tune?.values ?? {})) {
    if (new Set(values).size === values.length) continue;
    throw mistake(loaded, ['tune', 'values', key], `a value is there twice: ${values.join(', ')}`);
  }
}

function checkTable(loaded: LoadedStudy): void {
  const { axes, table } = loaded.study;
  const { columns, baseline } = table;
  for (const list of ['rows', 'columns'] as const) {
    for (const [i, axis] of (table[list] ?? []).entries()) {
      checkAxis(loaded, ['table', list, i], axis);
    }
  }
  const rows = table.rows ?? axes.map(({ name }) => name).filter((axis) => !columns.includes(axis));
  const used = [...rows, ...columns];
  const wrong =
    axes.find(({ name }) => used.filter((axis) => axis === name).length !== 1)?.name ?? null;
  if (wrong !== null) {
    const what = used.includes(wrong) ? 'there twice' : 'in neither rows nor columns';
    throw mistake(loaded, ['table'], `the axis ${wrong} is ${what}: each axis has one place`);
  }
  if (baseline === undefined) return;
  for (const [i, one] of [baseline].flat().entries()) {
    const at = Array.isArray(baseline) ? ['table', 'baseline', i] : ['table', 'baseline'];
    if (Object.keys(one).length === 0) {
      throw mistake(loaded, at, 'names no axis', 'for instance {method: bp}');
    }
    checkPlace(loaded, at, one);
  }
}

function checkSeeds(loaded: LoadedStudy, path: Path, seeds: readonly number[]): void {
  const twice = seeds.find((seed, i) => seeds.indexOf(seed) < i);
  if (twice === undefined) return;
  throw mistake(loaded, path, `the seed ${twice} is there twice: it would be the same run`);
}

function checkUnique(loaded: LoadedStudy, path: Path, items: readonly { name: string }[]): void {
  const names = items.map(({ name }) => name.toLowerCase()); // folders are named by them
  const at = names.findIndex((name, i) => names.indexOf(name) < i);
  if (at < 0) return;
  throw mistake(loaded, [...path, at, 'name'], `"${items[at]!.name}" is there twice`);
}

/** @param place axes, and the variants of each that are meant */
function checkPlace(
  loaded: LoadedStudy,
  path: Path,
  place: Readonly<Record<string, string | readonly string[]>>,
): void {
  for (const [name, chosen] of Object.entries(place)) {
    const axis = checkAxis(loaded, [...path, name], name);
    const names = axis.variants.map((variant) => variant.name);
    const unknown = [chosen].flat().find((variant) => !names.includes(variant));
    if (unknown === undefined) continue;
    throw mistake(
      loaded,
      [...path, name],
      `"${unknown}": the axis ${name} has no such variant${suggestion(unknown, names)}`,
    );
  }
}

function checkAxis(loaded: LoadedStudy, path: Path, name: string): StudyConfig['axes'][number] {
  const { axes } = loaded.study;
  const found = axes.find((axis) => axis.name === name);
  if (found) return found;
  const names = axes.map((axis) => axis.name);
  throw mistake(loaded, path, `there is no axis "${name}"${suggestion(name, names)}`);
}

function suggestion(word: string, names: readonly string[]): string {
  const near = nearest(word, names);
  return near === undefined ? `; there are ${names.join(', ')}` : `; did you mean "${near}"?`;
}
