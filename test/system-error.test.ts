import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { messageOf, messageWithPath } from '../src/system-error.js';
import { type Outcome, run } from './support/cli.js';
import { folderWith, SMALL_CONFIG } from './support/configs.js';

function errorOf(path: string): unknown {
  try {
    readFileSync(path);
  } catch (error) {
    return error;
  }
  throw new Error(`${path} can be read`);
}

describe('a system error in words', () => {
  const folder = folderWith({ file: '' });

  it.each([
    ['gone', 'no such file or directory'],
    ['.', 'it is a folder'],
    ['file/inside', 'not a directory'],
    ['x'.repeat(300), 'name too long'],
  ])('%.20s: %s', (name, reason) => {
    const path = join(folder, name);
    expect(messageOf(errorOf(path))).toBe(reason);
    expect([`${path}: ${reason}`, reason]).toContain(messageWithPath(errorOf(path)));
  });

  it('other errors keep their message', () => {
    expect(messageOf(new Error('too few'))).toBe('too few');
    expect(messageWithPath('text')).toBe('text');
  });
});

describe('missing and unreadable files', () => {
  let cwd: string;
  beforeAll(() => {
    const config = `${SMALL_CONFIG.replace('mean: channel, std: channel', 'mean: [1, 2, 3], std: 1')}`;
    cwd = folderWith({ 'c.yaml': config, 'list.csv': '', 'one.jpg': '', 'names.txt': 'a\nb\nc\n' });
    mkdirSync(join(cwd, 'inner'));
  });
  const relaybp = (...args: string[]): Promise<Outcome> => run(args, cwd);

  it.each([
    [['plan', 'nowhere.yaml'], 'nowhere.yaml'],
    [['plan', 'inner'], 'inner'],
    [['train', 'c.yaml', '--data', 'nowhere'], 'nowhere/train'],
    [['train', 'c.yaml', '--data', '.', '--set', 'data.train=nowhere.txt'], 'nowhere.txt'],
    [['train', '--resume', 'nowhere'], 'nowhere'],
    [['eval', 'nowhere'], 'nowhere'],
    [['eval', 'nowhere.safetensors'], 'nowhere.safetensors'],
    [['eval', '--ensemble', 'nowhere.safetensors', 'nowhere.safetensors'], 'nowhere.safetensors'],
    [['compare', 'nowhere.safetensors', 'nowhere'], 'nowhere.safetensors'],
    [['predict', 'nowhere', 'one.jpg'], 'nowhere'],
    [['report', 'nowhere'], 'nowhere'],
    [['watch', 'nowhere'], 'nowhere'],
    [['runs', 'nowhere'], 'nowhere'],
    [['export', 'nowhere', '--format', 'onnx'], 'nowhere'],
    [
      ['import', 'nowhere.safetensors', '--config', 'c.yaml', '--classes', 'names.txt'],
      'nowhere.safetensors',
    ],
    [['init', 'nowhere'], 'nowhere'],
    [['data', 'check', 'nowhere'], 'nowhere'],
    [['grad', 'c.yaml', '--out', 'nowhere/g.safetensors'], 'nowhere/g.safetensors'],
  ])('%j: named once, and no code of the system', async (args, name) => {
    const { code, stdout, stderr } = await relaybp(...args);
    expect([2, 3, 4]).toContain(code);
    expect(stdout).toBe('');
    expect(stderr).not.toMatch(/\bE[A-Z]{4,}\b|\bat .*\.js:/);
    const [error] = stderr.split('\n') as [string];
    expect(error).toMatch(/^error: /);
    expect(error.split(name)).toHaveLength(2);
    expect(stderr.match(/^error: /gm)).toHaveLength(1);
  });
});
