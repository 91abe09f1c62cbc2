/** docs/compatibility.md names a test for each row of ours, and a script has a claim for each row of others. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const read = (path: string): string => readFileSync(root(path), 'utf8');
const rows = read('docs/compatibility.md')
  .split('\n')
  .filter((line) => /^\| [IT]\d+ \|/.test(line));
const claims = ['images', 'training'].map((name) => read(`scripts/compatibility/${name}.py`));

describe('docs/compatibility.md', () => {
  it('has rows', () => expect(rows.length).toBeGreaterThan(20));

  it.each(rows)('%.60s…', (row) => {
    const number = /^\| (\w+) \|/.exec(row)![1];
    expect(claims.some((script) => script.includes(`claim("${number}", `))).toBe(true);
    const [, file, title] = /`(test\/[^`]+)`: "([^|]+)" \|$/.exec(row)!;
    expect(existsSync(root(file!)), file).toBe(true);
    expect(read(file!), `${file}: "${title}"`).toContain(title);
  });

  it('has a row for each claim', () => {
    const claimed = claims.flatMap((script) => [...script.matchAll(/claim\("(\w+)"/g)]);
    const listed = rows.map((row) => row.split(' ')[1]);
    expect(new Set(claimed.map(([, number]) => number))).toEqual(new Set(listed));
  });
});
