import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it, vi } from 'vitest';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';
import { Screen } from '../support/screen.js';

vi.setConfig({ testTimeout: 120_000 });

const BIN = fileURLToPath(new URL('../../bin/relaybp.js', import.meta.url));

let cwd: string;
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-terminal-'));
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', await colourImages()));
});

/** Runs a training in a terminal of its own (util-linux's `script`), and presses Ctrl-C once it has come to a step. */
async function interrupted(columns: number): Promise<{ code: number | null; screen: Screen }> {
  const screen = new Screen(columns);
  const train = `node ${BIN} train c.yaml --engine wasm --set training.epochs=5000 --out run-${columns}`;
  const child = spawn(
    'script',
    ['-qfec', `stty cols ${columns} rows 24; exec ${train}`, '/dev/null'],
    {
      cwd,
      env: { ...process.env, TERM: 'xterm', RELAYBP_CACHE_DIR: join(cwd, 'cache') },
    },
  );
  let [text, pressed] = ['', false];
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    screen.write(more);
    text += more;
    if (pressed || !/images\/s|img\/s/.test(text)) return;
    pressed = true;
    child.stdin.write('\u0003');
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, screen };
}

it.runIf(process.platform === 'linux').each([60, 80, 120])(
  'in a terminal of %d columns nothing of the bar is left after Ctrl-C',
  async (columns) => {
    const { code, screen } = await interrupted(columns);
    expect(code).toBe(130);
    const lines = await screen.lines();
    const text = lines.join('');
    expect(text).toContain('finishing the current step; a second Ctrl-C or SIGTERM stops at once');
    expect(text).toMatch(/interrupted after step \d+; go on with: node \S+ train\s*--resume/);
    expect(text).not.toMatch(/[█░]|left|images\/s/);
  },
);
