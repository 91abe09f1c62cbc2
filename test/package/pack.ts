import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { ROOT } from '../support/consumer.js';
import { shell } from './shell.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The packed package, and its files by their paths in it. */
    packed: { tarball: string; files: string[] };
  }
}

/** Packs relaybp once for all tests of the package. */
export default async function pack(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'relaybp-packed-'));
  const { stdout } = await shell(`npm pack --json --pack-destination "${folder}"`, ROOT);
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  const tarball = join(folder, filename);
  const listed = await shell(`tar -tzf "${tarball}"`, folder);
  const files = listed.stdout
    .trim()
    .split('\n')
    .map((file) => file.replace(/^package\//, ''));
  project.provide('packed', { tarball, files });
  console.log(`${filename}: ${files.length} files, ${readFileSync(tarball).length} bytes`);
  return () => rmSync(folder, { recursive: true });
}
