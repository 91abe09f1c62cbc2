/**
 * Copies a study's results without weights, to be kept with a project: its table, and of each run that has ended the
 * config, metrics, outcome and evaluation. `relaybp study STUDY --table --out TO` and `relaybp report TO` work on the copy.
 *
 *     node scripts/study-results.js studies/scenes-depth docs/reproduction/scenes-depth --root '${SCENES_SMALL}'
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const USAGE = `usage: node scripts/study-results.js FROM TO [options]
  FROM            the study's folder
  TO              folder of the copy; one that is there is replaced
  --root TEXT     what data.root is in the copied configs, instead of a folder of this machine`;

const OF_STUDY = ['state.json', 'table.md', 'table.csv', 'table.json'];
const OF_RUN = ['metrics.jsonl', 'outcome.json', 'evaluation.json'];

/**
 * @param {readonly string[]} files those of them that are there are copied
 * @param {string} from folder
 * @param {string} to folder, made if needed
 */
function copy(files, from, to) {
  mkdirSync(to, { recursive: true });
  for (const file of files)
    if (existsSync(join(from, file))) copyFileSync(join(from, file), join(to, file));
}

const { values, positionals } = parseArgs({
  options: { root: { type: 'string' } },
  allowPositionals: true,
});
const [from, to] = positionals;
if (from === undefined || to === undefined || positionals.length > 2) throw new Error(USAGE);
if (!existsSync(join(from, 'state.json')))
  throw new Error(`${from} is not the folder of a study: it has no state.json`);
rmSync(to, { recursive: true, force: true });
copy(OF_STUDY, from, to);
const runs = readdirSync(from).filter((name) => existsSync(join(from, name, 'outcome.json')));
for (const run of runs) {
  copy(OF_RUN, join(from, run), join(to, run));
  const config = readFileSync(join(from, run, 'config.yaml'), 'utf8');
  writeFileSync(
    join(to, run, 'config.yaml'),
    values.root === undefined
      ? config
      : config.replace(/^( {2}root: ).*$/m, (_, key) => key + values.root),
  );
}
console.log(`${to}: ${runs.length} runs`);
