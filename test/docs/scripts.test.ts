/** What the scripts take from the compiled program: they are run by hand, so nothing else notices what has moved. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const PROJECT = resolve(import.meta.dirname, '../..');
const IMPORT =
  /(?:const|import)\s+\{([^}]*)\}\s*=?\s*(?:from|await import\()\s*'((?:\.\.\/)+dist\/[^']+)\.js'/g;

const taken = ['scripts', 'test/faults', 'test/support', 'test/package']
  .flatMap((folder) =>
    readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(js|mjs|ts)$/.test(name))
      .map((name) => join(folder, name)),
  )
  .flatMap((script) => {
    const text = readFileSync(join(PROJECT, script), 'utf8');
    return [...text.matchAll(IMPORT)].map(([, names, path]) => ({
      script,
      source: relative(PROJECT, resolve(PROJECT, dirname(script), `${path}.ts`)).replace(
        /^dist/,
        'src',
      ),
      names: names!
        .split(',')
        .map((name) => name.trim().split(/\s*(?::|\sas\s)\s*/)[0]!)
        .filter((name) => name !== ''),
    }));
  });

it('imports are found', () => {
  expect(taken.length).toBeGreaterThan(20);
  expect(taken.map(({ script }) => script)).toContain('scripts/bench/relaybp-worker.js');
});

describe.each(taken)('$script: $source', ({ source, names }) => {
  it(`exports ${names.join(', ')}`, () => {
    const text = readFileSync(join(PROJECT, source), 'utf8');
    const missing = names.filter((name) => {
      return !new RegExp(
        `export (?:async )?(?:const|let|function\\*?|class) ${name}\\b|export \\{[^}]*\\b${name}\\b`,
      ).test(text);
    });
    expect(missing).toEqual([]);
  });
});
