/** Writes the files that are made from the config schema. A test compares them with what this would write. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';

const relaybp = (...args) => execFileSync(process.execPath, ['bin/relaybp.js', ...args]);

mkdirSync('schema', { recursive: true });
writeFileSync('schema/relaybp.schema.json', relaybp('schema'));
writeFileSync('docs/config.md', relaybp('schema', '--markdown'));
writeFileSync('schema/relaybp-study.schema.json', relaybp('schema', '--study'));
writeFileSync('docs/study-keys.md', relaybp('schema', '--study', '--markdown'));
