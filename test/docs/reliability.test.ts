/** docs/reliability.md names a test for each promise: it must be there. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const text = readFileSync(root('docs/reliability.md'), 'utf8');
const [, promises] = text.split('## Promises') as [string, string];
const rows = promises
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| promise |'));

/** A source without its comments: what a comment says is no test. */
const code = (source: string): string =>
  source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1');

describe('docs/reliability.md', () => {
  it('lists promises', () => expect(rows.length).toBeGreaterThan(25));

  it.each(rows)('%.80s… is held by tests that exist', (row) => {
    const named = [...row.matchAll(/`(test\/[^`]+)`: "([^"]+)"/g)];
    expect(named.length, 'a test is named').toBeGreaterThan(0);
    for (const [, file, title] of named) {
      expect(existsSync(root(file!)), file).toBe(true);
      expect(code(readFileSync(root(file!), 'utf8')), `${file}: "${title}"`).toContain(title);
    }
  });
});
