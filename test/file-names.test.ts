/** No two files of one name mean different things. */
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, it } from 'vitest';

const SOURCES = join(import.meta.dirname, '../src');

/** Folders whose files of the same name are the same thing: a command's options and its work, an operation on each engine. */
const PAIRS = [
  ['cli', 'commands'],
  ['engine/native/operations', 'engine/wasm'],
];
/** The list of types of each kind that has types. */
const TABLES = ['data/augment', 'data/sampling', 'model/layers'];

it('files of the same name are the same thing', () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .sort();
  expect(files.length).toBeGreaterThan(400);
  const folders = new Map<string, string[]>();
  for (const file of files) {
    const name = basename(file);
    folders.set(name, [...(folders.get(name) ?? []), dirname(file)]);
  }
  const others = [...folders].filter(([name, where]) => {
    if (where.length === 1) return false;
    const meant = name === 'table.ts' ? [TABLES] : PAIRS;
    // `engine.ts` is the interface, and the command about engines.
    const counted = name === 'engine.ts' ? where.filter((folder) => folder !== 'engine') : where;
    return !meant.some((pair) => pair.join() === counted.join());
  });
  expect(others).toEqual([]);
});
