import { chmodSync, cpSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './cli.js';
import { SMALL_CONFIG, SMALL_STUDY } from './configs.js';
import { ROOT } from './consumer.js';
import { docsDatasets } from './docs-datasets.js';
import { colourImages } from './images.js';

/**
 * The folder that commands in the documentation are run in (CONTRIBUTING.md describes it): `my-photos/{train,val}`,
 * `photos` (the validation images), `my.yaml` and `config.yaml` (the same small config), `runs/a` and `runs/b` (its
 * trained runs), `my-study.yaml` (a study of it), the data sets and configs of docs/datasets.md, and this project's `configs`, `docs`, `examples`, `scripts` and `bin`.
 */
export async function docsFolder(): Promise<{ folder: string; env: NodeJS.ProcessEnv }> {
  const folder = mkdtempSync(join(tmpdir(), 'relaybp-docs-'));
  cpSync(await colourImages(), join(folder, 'my-photos'), { recursive: true });
  cpSync(join(folder, 'my-photos/val'), join(folder, 'photos'), { recursive: true });
  for (const name of ['configs', 'docs', 'examples', 'scripts', 'bin', 'schema', 'dist']) {
    symlinkSync(join(ROOT, name), join(folder, name));
  }
  const config = SMALL_CONFIG.replace('data/small', 'my-photos');
  for (const name of ['my.yaml', 'config.yaml']) writeFileSync(join(folder, name), config);
  writeFileSync(join(folder, 'my-study.yaml'), SMALL_STUDY);
  await docsDatasets(folder);
  const relaybp = join(folder, '.bin/relaybp');
  mkdirSync(join(folder, '.bin'));
  writeFileSync(relaybp, `#!/bin/sh\nexec "${process.execPath}" "${ROOT}bin/relaybp.js" "$@"\n`);
  chmodSync(relaybp, 0o755);
  const own = {
    PATH: `${join(folder, '.bin')}:${process.env.PATH}`,
    RELAYBP_CACHE_DIR: join(folder, '.cache'),
  };
  for (const [name, seed] of [
    ['a', 1],
    ['b', 2],
  ]) {
    const args = ['train', 'my.yaml', '--engine', 'wasm', '--set', `seed=${seed}`];
    const { code, stderr } = await run([...args, '--out', `runs/${name}`], folder, own);
    if (code !== 0) throw new Error(stderr);
  }
  return { folder, env: { ...process.env, ...own } };
}
