/** Commands that stop half-way or before they begin. */
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let cwd: string;
let images: string;
const relaybp = (...args: string[]): Promise<Outcome> =>
  run([...args, '--engine', 'wasm'], cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-cli-'));
  images = await colourImages();
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', images));
  for (const out of ['a', 'b']) await relaybp('train', 'c.yaml', '--out', out, '--max-steps', '1');
});

describe('predict', () => {
  it('--format json is a whole document also when it stops at an undecodable file', async () => {
    writeFileSync(join(cwd, 'bad.jpg'), 'no image');
    const good = join(images, 'val/red/0.jpg');
    const args = ['--format', 'json', '--on-error', 'fail'];
    for (const files of [
      ['bad.jpg', good],
      [good, 'bad.jpg'],
    ]) {
      const { code, stdout, stderr } = await relaybp('predict', 'a', ...files, ...args);
      expect(code).toBe(3);
      expect(stderr).toMatch(/bad\.jpg: cannot be decoded/);
      expect(Array.isArray(JSON.parse(stdout))).toBe(true);
    }
  });
});

describe('compare and --ensemble', () => {
  /** A run on another set of validation images. */
  async function other(name: string, change: (root: string) => void): Promise<string> {
    const root = await colourImages();
    change(root);
    await relaybp(
      'train',
      'c.yaml',
      '--out',
      name,
      '--max-steps',
      '1',
      '--set',
      `data.root=${root}`,
    );
    return name;
  }
  /** Nothing is scored: no engine is opened, and no score file written. */
  async function expectRefused(a: string, b: string, message: RegExp): Promise<void> {
    for (const args of [
      ['compare', a, b],
      ['eval', '--ensemble', a, b, '--scores', 'both.safetensors'],
    ]) {
      const { code, stderr } = await relaybp(...args);
      expect(stderr).toMatch(message);
      expect(code).toBe(3);
      expect(readdirSync(cwd)).not.toContain('both.safetensors');
    }
  }

  it('notice other images, in runs and in score files', async () => {
    const fewer = await other('fewer', (root) => rmSync(join(root, 'val/red/3.jpg')));
    await expectRefused('a', fewer, /have different images: the first lacks "red\/3\.jpg"/);
    expect((await relaybp('eval', 'fewer', '--scores', 'fewer.safetensors')).code).toBe(0);
    await expectRefused('fewer.safetensors', 'a', /have different images/);
    await expectRefused('a', 'fewer.safetensors', /have different images/);
  });

  it('notice images in other classes', async () => {
    const moved = await other('moved', (root) => {
      for (const name of ['red', 'blue'])
        copyFileSync(join(root, 'val', name, '0.jpg'), join(root, `${name}.jpg`));
      copyFileSync(join(root, 'val/red/0.jpg'), join(root, 'val/blue/0.jpg'));
      rmSync(join(root, 'val/green'), { recursive: true });
    });
    await expectRefused('a', moved, /have different images: the first lacks "green\/0\.jpg"/);
  });

  it('do not mind an image that only one has, if it cannot be decoded', async () => {
    const broken = await other('broken', (root) =>
      writeFileSync(join(root, 'val/red/bad.jpg'), '?'),
    );
    const { code, stdout } = await relaybp('compare', 'a', broken);
    expect(code).toBe(0);
    expect(stdout).toContain('15 images');
  });
});
