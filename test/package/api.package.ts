/** What docs/api.md says of a project of one's own, word for word: plain JavaScript, then TypeScript. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { commandsIn } from '../../scripts/docs/commands.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { ROOT } from '../support/consumer.js';
import { colourImages } from '../support/images.js';
import { shell } from './shell.js';

const { tarball } = inject('packed');
const project = mkdtempSync(join(tmpdir(), 'relaybp-project-'));
const env = {
  RELAYBP_CACHE_DIR: join(project, '.cache'),
  RELAYBP_ENGINE_DIR: join(project, '.engine'), // none: the portable one
};

beforeAll(async () => {
  cpSync(await colourImages(), join(project, 'my-photos'), { recursive: true });
  cpSync(tarball, join(project, basename(tarball)));
  const config = SMALL_CONFIG.replace('data/small', 'my-photos').replace('epochs: 2', 'epochs: 12');
  writeFileSync(join(project, 'my.yaml'), config);
});
afterAll(() => rmSync(project, { recursive: true }));

const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  devDependencies: Record<string, string>;
};
/** In the versions that this project is tested with. */
const pinned = (command: string): string =>
  command.replaceAll(
    / (typescript|@types\/node)(?= |$)/g,
    (_, name: string) => ` ${name}@${devDependencies[name]}`,
  );

const text = readFileSync(join(ROOT, 'docs/api.md'), 'utf8');
const section = /^## In a project\n(.*?)^## /ms.exec(text)![1]!;
const commands = commandsIn(section).map(({ command }) => command);

describe('docs/api.md, in a project', () => {
  it('runs the example in both languages', () => {
    expect(commands.filter((command) => command.startsWith('node train.js'))).toHaveLength(2);
  });
  it.each(commands)('%s', async (command) => {
    const { stdout } = await shell(pinned(command), project, env);
    if (!command.startsWith('node ')) return;
    expect(stdout).toContain('interrupted: true, after step 10');
    expect(stdout.match(/\.jpg: (blue|green|red)$/gm)).toHaveLength(15);
  });
});
