/** Completion in the shells themselves; zsh and fish where they are installed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../../bin/relaybp.js', import.meta.url));
let cwd: string;
let env: NodeJS.ProcessEnv;

/** A folder with configs and runs, and `relaybp` on the path. */
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-completion-'));
  for (const folder of ['bin', 'configs', 'runs/a/last', 'runs/b c/last', 'runs/unfinished']) {
    mkdirSync(join(cwd, folder), { recursive: true });
  }
  for (const file of ['my.yaml', 'my.txt', 'my.yml', 'with space.yaml']) {
    writeFileSync(join(cwd, file), '');
  }
  const script = join(cwd, 'bin/relaybp');
  writeFileSync(script, `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`);
  chmodSync(script, 0o755);
  env = { ...process.env, PATH: `${join(cwd, 'bin')}:${process.env.PATH}` };
});

const shell = (name: string, ...args: string[]): string =>
  execFileSync(name, args, { cwd, env, encoding: 'utf8', timeout: 30_000 });
const installed = (name: string): boolean => spawnSync(name, ['--version']).status === 0;

describe('bash', () => {
  /** What the tab key offers after these words, as bash splits them. */
  const complete = (...words: string[]): string[] => {
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const script = `source <(relaybp completion bash)
      COMP_WORDS=(relaybp ${quoted}); COMP_CWORD=${words.length}
      $(complete -p relaybp | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    return shell('bash', '--norc', '-c', script).split('\n').filter(Boolean);
  };

  it('commands', () => {
    expect(complete('pl')).toEqual(['plan']);
    expect(complete('engine', '')).toEqual(expect.arrayContaining(['install', 'status']));
    expect(complete('')).toEqual(
      expect.arrayContaining(['train', 'plan', 'eval', 'predict', 'init', 'schema', 'completion']),
    );
    expect(complete('')).not.toContain('__complete');
  });

  it('options and their values', () => {
    expect(complete('train', '--fa')).toEqual(['--fast-dev-run']);
    expect(complete('train', 'my.yaml', '--engine', 'w')).toEqual(['wasm']);
    expect(complete('train', '--engine', '=', 'w')).toEqual(['wasm']);
    expect(complete('train', '--resume', 'l')).toEqual(['last']);
    expect(complete('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });

  it('keys of the config', () => {
    expect(complete('train', '--set', 'training.b')).toEqual(['training.batchSize=']);
    expect(complete('train', '--set', 'schedule.type', '=', 'co')).toEqual(['constant', 'cosine']);
  });

  it('configs, runs and folders', () => {
    expect(complete('plan', '').sort()).toEqual(
      ['bin', 'configs', 'my.yaml', 'my.yml', 'runs', 'with space.yaml'].sort(),
    );
    expect(complete('eval', 'runs/a')).toContain('runs/a');
    expect(complete('compare', 'runs/a', 'runs/b')).toContain('runs/b c');
    expect(complete('train', 'my.yaml', '--out', 'conf')).toEqual(['configs']);
    expect(complete('predict', 'runs/a', 'my.t')).toEqual(['my.txt']);
  });

  it('runs nothing of what is typed', () => {
    expect(complete('plan', '$(touch injected)', '')).toEqual([]);
    expect(complete('plan', 'inj')).toEqual([]);
  });
});

describe.skipIf(!installed('zsh'))('zsh', () => {
  /** What its completion system is handed: the matches, and which files. */
  const complete = (...words: string[]): string[] => {
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const script = `compdef() { :; }
      _describe() { print -rl -- "\${(@P)3}"; }
      _files() { print -r -- "files $*"; }
      source <(relaybp completion zsh)
      words=(relaybp ${quoted}); CURRENT=${words.length + 1}
      _relaybp`;
    return shell('zsh', '-f', '-c', script).split('\n').filter(Boolean);
  };

  it('offers commands, keys and files', () => {
    expect(complete('pl')[0]).toMatch(/^plan:show network/);
    expect(complete('plan', 'my')).toEqual(['files -g *.(yaml|yml)(-.)']);
    expect(complete('train', '--out', '')).toEqual(['files -/']);
    expect(complete('train', '--fa')[0]).toMatch(/^--fast-dev-run:three steps/);
    expect(complete('eval', 'runs/a')).toEqual(['runs/a:run', 'files ']);
  });
});

describe.skipIf(!installed('fish'))('fish', () => {
  const complete = (line: string): string[] =>
    shell('fish', '--no-config', '-c', `relaybp completion fish | source; complete -C '${line}'`)
      .split('\n')
      .filter(Boolean)
      .map((found) => found.split('\t')[0]!);

  it('offers commands, options, keys, configs and runs', () => {
    expect(complete('relaybp pl')).toEqual(['plan']);
    expect(complete('relaybp train --fa')).toEqual(['--fast-dev-run']);
    expect(complete('relaybp train --engine=w')).toEqual(['--engine=wasm']);
    expect(complete('relaybp train --set training.b')).toEqual(['training.batchSize=']);
    expect(complete('relaybp plan my.').sort()).toEqual(['my.yaml', 'my.yml']);
    expect(complete('relaybp eval runs/')).toContain('runs/a');
  });
});
