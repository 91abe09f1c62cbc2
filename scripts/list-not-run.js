/** Lists the commands in README.md, CONTRIBUTING.md and docs/ that no test runs, with the reasons. */
import { fileURLToPath } from 'node:url';
import { notRun } from './docs/commands.js';

const lines = notRun(fileURLToPath(new URL('..', import.meta.url)));
console.log(`${lines.length} commands in the documentation are not run:`);
for (const line of lines) console.log(line);
