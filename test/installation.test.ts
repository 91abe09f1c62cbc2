/** The commands that messages name, by where relaybp is installed; test/package runs two of them. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { toAdd, toMend } from '../src/installation.js';
import { ROOT } from './support/consumer.js';

const top = mkdtempSync(join(tmpdir(), 'relaybp-installed-'));

/** A relaybp in a folder of its own. @param files of the folder that has its node_modules */
function installedIn(folder: string, files: readonly string[] = []): string {
  const home = join(top, folder, 'node_modules/relaybp');
  mkdirSync(home, { recursive: true });
  for (const file of files) writeFileSync(join(top, folder, file), '');
  return home;
}

const npm = 'npm install --ignore-scripts';
const words = (home: string): string => `add x with the package manager that installed ${home}`;

it.each([
  ['global', installedIn('global/lib'), `${npm} --global --prefix ${top}/global x`],
  [
    'global, a prefix with a space',
    installedIn("it's mine/lib"),
    `${npm} --global --prefix '${top}/it'\\''s mine' x`,
  ],
  ['global, on Windows', installedIn('roaming'), `${npm} --global --prefix ${top}/roaming x`],
  ['a project', installedIn('project', ['package.json']), `${npm} --prefix ${top}/project x`],
  [
    'a project in a folder lib',
    installedIn('my/lib', ['package.json', 'package-lock.json']),
    `${npm} --prefix ${top}/my/lib x`,
  ],
])('what to type to add a package: %s', (_, home, command) => {
  expect(toAdd('x', home)).toBe(command);
});

it.each([
  ['yarn', installedIn('yarn', ['package.json', 'yarn.lock'])],
  ['bun', installedIn('bun', ['package.json', 'bun.lock'])],
  ['pnpm', installedIn('pnpm/node_modules/.pnpm/relaybp@0.1.0')],
])('no command of npm where another installed it: %s', (_, home) => {
  expect(toAdd('x', home)).toBe(words(home));
});

it('in a checkout', () => {
  expect(toAdd('onnxruntime-node')).toBe(`npm ci --prefix ${ROOT.replace(/\/$/, '')}`);
  expect(toMend()).toBe('build it with: npm run build');
});

it('a file that is missing from a package is not to be built', () => {
  const home = installedIn('global/lib');
  expect(toMend(home)).toBe(`${home} is incomplete: install relaybp again`);
});
