import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { braces, isShards, shardFiles } from '../../../src/data/index/shard-files.js';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'relaybp-shards-'));
  mkdirSync(join(root, 'data'));
  mkdirSync(join(root, 'classes/cat'), { recursive: true });
  writeFileSync(join(root, 'classes/x.tar'), '');
  for (let i = 0; i < 3; i++) writeFileSync(join(root, `t-00${i}.tar`), '');
  for (const part of ['train', 'val']) {
    for (const i of [1, 0]) writeFileSync(join(root, `data/${part}-0000${i}-of-00002.parquet`), '');
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('braces', () => {
  it.each([
    ['a.tar', ['a.tar']],
    ['t-{000..002}.tar', ['t-000.tar', 't-001.tar', 't-002.tar']],
    ['{9..11}', ['9', '10', '11']],
    ['{09..11}', ['09', '10', '11']],
    ['{2..0}', ['2', '1', '0']],
    ['{a,b}-{0..1}', ['a-0', 'a-1', 'b-0', 'b-1']],
    ['{a}', ['{a}']],
  ])('%s', (text, words) => {
    expect(braces(text)).toEqual(words);
  });

  it('too many are refused', () => {
    expect(() => braces('{0..999}{0..9999}')).toThrow(/names more than 1000000 shards/);
  });
});

describe('the shards of a part', () => {
  it('by a range, a pattern, a name, or all of a folder that holds no folders', () => {
    expect(shardFiles(root, 't-{000..002}.tar')).toEqual({
      kind: 'tar',
      files: ['t-000.tar', 't-001.tar', 't-002.tar'],
    });
    const val = ['data/val-00000-of-00002.parquet', 'data/val-00001-of-00002.parquet'];
    expect(shardFiles(root, 'data/val-*.parquet')).toEqual({ kind: 'parquet', files: val });
    expect(shardFiles(root, 'data').files).toHaveLength(4);
    expect([isShards(root, 'data'), isShards(root, 'classes'), isShards(root, 'none')]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('that are not there are refused', () => {
    expect(() => shardFiles(root, 't-{000..004}.tar')).toThrow(
      /2 of 5 shards do not exist \(first: t-003\.tar\)/,
    );
    expect(() => shardFiles(root, 'x-*.tar')).toThrow(/x-\*\.tar: no such shards/);
    expect(() => shardFiles(root, 't-{000..002}.tar.gz')).toThrow(/a compressed tar file/);
    expect(isShards(root, 't.tgz')).toBe(true);
    expect(() => shardFiles(root, '{t-000.tar,data/val-00000-of-00002.parquet}')).toThrow(
      /holds tar files, but also data/,
    );
  });
});
