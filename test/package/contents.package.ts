/** What is in the package: all that the program reads, and nothing else. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, inject, it } from 'vitest';
import { ROOT } from '../support/consumer.js';

const { tarball, files } = inject('packed');

const under = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
const isPacked = (file: string): boolean => files.includes(file);

it('is small, and has nothing in it that is not needed there', () => {
  const needed = [
    /^(package\.json|README\.md|LICENSE|NOTICE|CHANGELOG\.md)$/,
    /^bin\/(relaybp\.js|package\.json)$/,
    /^dist\/.*\.(js|d\.ts|css|wasm)$/,
    /^configs\/.*\.yaml$/,
    /^schema\/relaybp(-study)?\.schema\.json$/,
    /^studies\/.*\.yaml$/,
    /^docs\/.*\.(md|svg|png)$/,
    /^examples\/.*\.(ts|html|js|css|json|md)$/,
    /^protos\/.*\.proto$/,
    /^src\/engine\/native\/cpp\/[^/]+$/,
    /^src\/engine\/install\/requirements\/(cpu|cuda|mpich|openmpi)\.txt$/,
    /^src\/preview\/fonts\.conf$/,
  ];
  const others = files.filter((file) => !needed.some((pattern) => pattern.test(file)));
  expect(others, 'package.json, "files"').toEqual([]);
  expect(statSync(tarball).size).toBeLessThan(1_500_000);
});

it('has all that the build makes, but for source maps', () => {
  const built = under('dist').filter((file) => !file.endsWith('.map'));
  expect(built.filter((file) => !isPacked(file))).toEqual([]);
});

it('has every file that the source reads from beside itself', () => {
  const missing: string[] = [];
  for (const source of under('src').filter((file) => file.endsWith('.ts'))) {
    for (const path of besideItself(source, readFileSync(join(ROOT, source), 'utf8'))) {
      const found = matching(path);
      if (found.length === 0) missing.push(`${source}: ${path}: not in the checkout either`);
      missing.push(...found.filter((file) => !isPacked(file)).map((file) => `${source}: ${file}`));
    }
  }
  expect(missing).toEqual([]);
});

/**
 * What `new URL(…, import.meta.url)` names in a source, as paths from the checkout's top, `*` for what is put in at
 * run time. @throws Error if `import.meta` is used in a way that this does not understand
 */
function besideItself(source: string, text: string): string[] {
  const paths: string[] = [];
  const rest = text
    .replaceAll(/new URL\(([^;]*?),\s*import\.meta\.url,?\s*\)/g, (_, named: string) => {
      for (const [, quoted, template] of named.matchAll(/'([^']*)'|`([^`]*)`/g)) {
        const path = quoted ?? template!.replaceAll(/\$\{[^}]*\}/g, '*');
        if (/^\.\.?(\/|$)/.test(path)) paths.push(place(source, path));
      }
      return '';
    })
    .replaceAll(/createRequire\(import\.meta\.url\)|import\.meta\.url\.endsWith\('\.ts'\)/g, '');
  if (rest.includes('import.meta')) throw new Error(`${source}: import.meta: teach this test`);
  return paths;
}

/** A path in a source: beside its compiled file, in `dist`, unless it leads out of the two. */
function place(source: string, path: string): string {
  const from = join(ROOT, dirname(source).replace(/^src/, 'dist'));
  return relative(ROOT, resolve(from, path));
}

/** The checkout's files of such a path, or all in a folder. */
function matching(path: string): string[] {
  const pattern = new RegExp(
    `^${path.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*')}(/|$)`,
  );
  const top = path.split('/')[0]!;
  const all = top === path ? [path] : under(top);
  return all.filter((file) => pattern.test(file) && !file.endsWith('.map'));
}

it('imports only what it depends on', () => {
  const { dependencies, peerDependencies } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  ) as Record<string, Record<string, string>>;
  const declared = new Set(Object.keys({ ...dependencies, ...peerDependencies }));
  const page = /^dist\/report\/page\//; // bundled
  const imported = under('dist')
    .filter((file) => /\.(js|d\.ts)$/.test(file) && !page.test(file))
    .flatMap((file) =>
      [...readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)].map(([, name]) => name!),
    )
    .filter((name) => !name.startsWith('node:'))
    .map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
  expect(new Set(imported).size).toBeGreaterThan(10);
  expect([...new Set(imported)].filter((name) => !declared.has(name))).toEqual([]);
});

/** The name of a package in an import. */
const IMPORT = /(?:^import .*?from |^export .*?from |\bimport\(|^import )['"]([^'".][^'"]*)['"]/gm;
