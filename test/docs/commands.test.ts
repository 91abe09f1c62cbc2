/**
 * Runs every command in README.md, CONTRIBUTING.md and docs/*.md, one document after another, each in a fresh copy of
 * the folder that test/support/docs-folder.ts makes. A command that cannot be run there has its reason before its
 * block: `<!-- not run: takes hours -->`. With `<!-- fails: 2 -->` it must end with that code, and what the document
 * shows below it must be what it says; "…" stands for anything.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { commandsIn, documents } from '../../scripts/docs/commands.js';
import { locateNative } from '../../src/engine/locate.js';
import { ROOT } from '../support/consumer.js';
import { docsFolder } from '../support/docs-folder.js';

const FIX =
  'Make it work in the folder that test/support/docs-folder.ts prepares, or put the line\n' +
  '  <!-- not run: the reason -->\nbefore its code block (and an empty line between).';

let base: Awaited<ReturnType<typeof docsFolder>>;
let commands: Set<string>;
beforeAll(async () => {
  base = await docsFolder();
  const { stdout } = spawnSync('relaybp', ['__complete', '--', ''], { ...base, encoding: 'utf8' });
  commands = new Set(stdout.split('\n').map((line) => line.split('\t')[0]!));
}, 300_000);

/** What `<!-- needs: … -->` names and is not here: `native`, or a command such as `relaybp export`. */
function missing(needs: string | null): boolean {
  if (needs === null) return false;
  if (needs === 'native') return locateNative() === undefined;
  const command = /^relaybp (\w+)$/.exec(needs)?.[1];
  if (!command) throw new Error(`<!-- needs: ${needs} -->: write "native" or "relaybp <command>"`);
  return !commands.has(command);
}

/** Whether a command's output has a line as a document shows it. */
function says(output: string, shown: string): boolean {
  const parts = shown
    .trim()
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^\\s*${parts.join('.*')}\\s*$`, 'm').test(output);
}

describe.each(documents(ROOT))('%s', (file) => {
  const all = commandsIn(readFileSync(join(ROOT, file), 'utf8'));
  const toRun = all.filter(({ notRun }) => notRun === null);

  it.runIf(toRun.length > 0)(
    `${toRun.length} commands work`,
    () => {
      const folder = `${base.folder}-${file.replaceAll(/\W/g, '-')}`;
      cpSync(base.folder, folder, { recursive: true, verbatimSymlinks: true });
      const failures: string[] = [];
      for (const { line, command, output, needs, fails } of toRun) {
        if (missing(needs)) {
          console.warn(`${file}:${line}: not run, as ${needs} is not here: ${command}`);
          continue;
        }
        const { status, stdout, stderr } = spawnSync('bash', ['-c', command], {
          cwd: folder,
          env: { ...base.env, PATH: `${join(folder, '.bin')}:${process.env.PATH}` },
          encoding: 'utf8',
          input: '',
          timeout: 240_000,
        });
        const said = `${stdout}${stderr}`;
        const missed = fails === null ? undefined : output.find((text) => !says(said, text));
        if (status === (fails ?? 0) && missed === undefined) continue;
        const end = `${stdout}${stderr}`.trimEnd().split('\n').slice(-5).join('\n    ');
        const instead = missed === undefined ? '' : `, without the line ${JSON.stringify(missed)}`;
        failures.push(
          `${file}:${line}: ${command}\n    ended with ${status ?? 'a signal'}${instead}: ${end}`,
        );
      }
      expect(failures, FIX).toEqual([]);
    },
    900_000,
  );
});

describe('marks', () => {
  it('are found before blocks of either kind, and commands within', () => {
    const markdown = [
      'Text.',
      '',
      '    relaybp plan a.yaml   # why',
      '    output',
      '',
      '<!-- not run: takes hours -->',
      '',
      '```sh',
      '# a comment',
      'relaybp train a.yaml \\',
      '  --engine wasm',
      'ls',
      '```',
      '',
      '- item',
      '',
      '  <!-- needs: relaybp export --> <!-- fails: 4 -->',
      '',
      '  ```console',
      '  $ relaybp export runs/a',
      '  written',
      '  ```',
      '',
      '```yaml',
      'relaybp: no command',
      '```',
      '',
      '```',
      'A=1 npm test',
      'npmx test',
      '```',
    ].join('\n');
    const none = { notRun: null, needs: null, fails: null, output: [] };
    expect(commandsIn(markdown)).toEqual([
      { ...none, line: 3, command: 'relaybp plan a.yaml   # why', output: ['output'] },
      {
        ...none,
        line: 10,
        command: 'relaybp train a.yaml \\\n  --engine wasm',
        notRun: 'takes hours',
      },
      { ...none, line: 12, command: 'ls', notRun: 'takes hours' },
      {
        ...none,
        line: 20,
        command: 'relaybp export runs/a',
        output: ['written'],
        needs: 'relaybp export',
        fails: 4,
      },
      { ...none, line: 29, command: 'A=1 npm test', output: ['npmx test'] },
    ]);
  });
});
