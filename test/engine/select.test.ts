import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseInstructionSets } from '../../src/engine/cpu.js';
import { engineFolder, makeManifest } from '../../src/engine/locate.js';
import { openEngine } from '../../src/engine/select.js';
import { engineStatus } from '../../src/engine/status.js';
import { EngineError } from '../../src/errors.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'relaybp-select-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Makes an install look complete whose binding does not load. */
async function breakInstall(): Promise<void> {
  const folder = join(dir, engineFolder(false));
  await mkdir(folder);
  await writeFile(join(folder, 'tfjs_binding.node'), 'not an addon');
  const facts = { tensorflow: '2.21.0', cuda: false, binding: '4.22.0', compiler: 'g++' };
  const manifest = makeManifest({ ...facts, nodeApi: 8, installed: '2026-01-01T00:00:00.000Z' });
  await writeFile(join(folder, 'engine.json'), JSON.stringify(manifest));
}

test('native without an install says how to get it', async () => {
  const opening = openEngine('native', { dir });
  await expect(opening).rejects.toThrow(EngineError);
  await expect(opening).rejects.toMatchObject({ hint: 'Install it: relaybp engine install' });
});

test('auto without an install takes wasm, with one notice', async () => {
  const notices: string[] = [];
  const engine = await openEngine('auto', { dir, onNotice: (line) => notices.push(line) });
  expect(engine.info.name).toBe('wasm');
  expect(notices).toEqual([expect.stringMatching(/portable wasm .*relaybp engine install$/)]);
});

test('auto says why an installed native engine is not used', async () => {
  await breakInstall();
  const notices: string[] = [];
  const engine = await openEngine('auto', { dir, onNotice: (line) => notices.push(line) });
  expect(engine.info.name).toBe('wasm');
  expect(notices).toEqual([
    expect.stringMatching(
      /does not work: .*tfjs_binding\.node.*To use it: reinstall it: relaybp engine install/,
    ),
  ]);
});

test('an engine that others may change is refused by native, by status, and by auto in one line', async () => {
  await breakInstall();
  const folder = join(dir, engineFolder(false));
  await chmod(folder, 0o777);
  const reason = new RegExp(`is not loaded: ${folder} can be written to by everybody .*mode 0777`);
  await expect(openEngine('native', { dir })).rejects.toThrow(reason);
  const notices: string[] = [];
  const engine = await openEngine('auto', { dir, onNotice: (line) => notices.push(line) });
  expect([engine.info.name, notices]).toEqual(['wasm', [expect.stringMatching(reason)]]);
  const { engines } = await engineStatus({ dir });
  expect(engines[0]).toMatchObject({ works: false, problem: expect.stringMatching(reason) });
});

test('status reports what works, and why not', async () => {
  await breakInstall();
  const status = await engineStatus({ dir });
  expect(status).toMatchObject({ auto: 'wasm', root: dir, node: process.versions.node });
  expect(status.engines).toMatchObject([
    { name: 'native', works: false, info: null, problem: expect.stringContaining('load') },
    { name: 'wasm', works: true, problem: null, directory: null },
  ]);
});

test('instruction sets come from the flags of /proc/cpuinfo', () => {
  const cpuinfo = 'processor\t: 0\nflags\t\t: fpu avx avx2 amx_bf16 avx512f\nbugs\t: none\n';
  expect(parseInstructionSets(cpuinfo)).toEqual(['avx2', 'avx512f', 'amx_bf16']);
  expect(parseInstructionSets('')).toBe('unknown');
});
