/** The TypeScript blocks of docs/api.md compile against the package's own types. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { consumerProject, ROOT } from '../support/consumer.js';

it('docs/api.md', () => {
  const project = consumerProject();
  const markdown = readFileSync(join(ROOT, 'docs/api.md'), 'utf8');
  const blocks = [...markdown.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code!);
  expect(blocks.length).toBeGreaterThan(1);
  for (const [i, code] of blocks.entries()) writeFileSync(join(project, `block${i}.ts`), code);
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  let problems = '';
  try {
    execFileSync(process.execPath, [tsc, '-p', project], { stdio: 'pipe', encoding: 'utf8' });
  } catch (error) {
    problems = (error as { stdout: string }).stdout;
  }
  expect(problems).toBe('');
});
