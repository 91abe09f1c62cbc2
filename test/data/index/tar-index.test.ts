/**
 * Tar shards. What lies where in test/fixtures/tar was found by Python's tarfile; the shards are of GNU tar, tarfile and
 * webdataset (scripts/reference-tar.py).
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { tarImages } from '../../../src/data/index/tar-index.js';
import { type ReadAt, tarMembers } from '../../../src/data/index/tar-members.js';
import { ROOT } from '../../support/consumer.js';

const FOLDER = join(ROOT, 'test/fixtures/tar');
interface Fact {
  name: string;
  kind: string;
  offset: number;
  size: number;
  contents: string | null;
}
const facts = JSON.parse(readFileSync(join(FOLDER, 'members.json'), 'utf8')) as Record<
  string,
  Fact[]
>;
const shard = (name: string): Buffer => readFileSync(join(FOLDER, name));
const reading =
  (bytes: Buffer): ReadAt =>
  (position, length) =>
    bytes.subarray(position, position + length);
const members = (bytes: Buffer) => [...tarMembers(bytes.length, reading(bytes))];
const images = (bytes: Buffer, columns = {}) =>
  tarImages('x.tar', bytes.length, reading(bytes), columns).map(({ name, offset, size, label }) => {
    return [name, label, bytes.toString('utf8', offset, offset + size)];
  });

describe('members', () => {
  it.each(readdirSync(FOLDER).filter((name) => name.endsWith('.tar')))(
    'of %s are as tarfile finds them',
    (name) => {
      const found = members(shard(name)).filter(({ kind }) => kind !== 'other');
      expect(found.map((member) => [member.name.toString(), member.kind])).toEqual(
        facts[name]!.map((fact) => [fact.name, fact.kind]),
      );
      for (const [i, { kind, offset, size }] of found.entries()) {
        const fact = facts[name]![i]!;
        if (kind === 'file') expect([offset, size]).toEqual([fact.offset, fact.size]);
      }
    },
  );

  it('end without the empty blocks at the end, and are refused where they are cut off, damaged or compressed', () => {
    const whole = shard('webdataset.tar');
    const used = facts['webdataset.tar']!.at(-1)!.offset + 512;
    expect(members(whole.subarray(0, used))).toHaveLength(9);
    expect(() => members(whole.subarray(0, used - 512))).toThrow('it is cut off');
    expect(() => members(whole.subarray(0, 1000 + 512))).toThrow('it is cut off');
    const damaged = Buffer.from(whole);
    damaged[1024 + 3]! ^= 1;
    expect(() => members(damaged)).toThrow('its header at byte 1024 is damaged');
    expect(() => members(gzipSync(whole))).toThrow(/it is compressed \(gzip\)/);
    expect(() => members(Buffer.alloc(2000, 'text'))).toThrow('it is no tar file');
    expect(() => members(Buffer.from('text'))).toThrow('it is no tar file');
  });
});

describe('samples', () => {
  it('of webdataset: what follows the first dot says what a member is', () => {
    expect(images(shard('webdataset.tar'))).toEqual([
      ['n0144/0000.jpg', '0', 'picture 0'],
      ['n0144/0001.jpg', '1', 'picture 1'],
      ['n0144/0002.jpg', '2', 'picture 2'],
    ]);
  });

  it.each(['long-gnu.tar', 'long-posix.tar'])(
    'with long names, in folders with dots, other members left out: %s',
    (name) => {
      const long = `${'a'.repeat(90)}/${'b'.repeat(120)}/train/v1.5/cat`;
      expect(images(shard(name))).toEqual(
        [0, 1, 2].map((i) => [`${long}${i}.Jpg`, `${i}`, `picture ${i}`]),
      );
      const masks = images(shard(name), { image: 'seg.png' });
      expect(masks[1]).toEqual([`${long}1.seg.PNG`, '1', 'mask 1']);
    },
  );

  it('links give the contents of what they lead to', () => {
    expect(images(shard('links.tar'))).toEqual([
      ['0.jpg', '1', 'the same picture'],
      ['1.jpg', '0', 'the same picture'],
      ['sub/2.jpg', '1', 'the same picture'],
    ]);
  });

  it('names in pax headers are UTF-8', () => {
    expect(images(shard('python-pax.tar')).map(([name]) => name)).toEqual([
      'kätze0.jpg',
      'kätze1.jpg',
    ]);
  });

  it('labels out of JSON', () => {
    const labels = images(shard('webdataset.tar'), { label: 'json.label' }).map(
      ([, label]) => label,
    );
    expect(labels).toEqual(['10', '11', '12']);
    expect(() => images(shard('webdataset.tar'), { label: 'json.none' })).toThrow(
      'x.tar: n0144/0000.json: has no text or number "none"',
    );
  });

  it.each(['sparse-gnu.tar', 'sparse-posix.tar'])(
    'a member with holes is refused by its name: %s',
    (name) => {
      expect(() => images(shard(name))).toThrow(/^x\.tar: s\.jpg: is stored with holes/);
    },
  );

  it('what is missing, double or no label is named', () => {
    const of =
      (...files: [name: string, contents: string][]) =>
      () =>
        images(packed(files));
    expect(of(['a.jpg', 'x'])).toThrow('x.tar: a: has an image, but no cls among jpg');
    expect(of(['a.cls', '1'], ['a.txt', 'x'])).toThrow(
      'x.tar: a: has a label, but no image among cls, txt',
    );
    expect(of(['a.jpg', 'x'], ['a.png', 'x'], ['a.cls', '1'])).toThrow('has 2 images: jpg, png');
    expect(of(['a.jpg', 'x'], ['a.jpg', 'y'], ['a.cls', '1'])).toThrow(
      'x.tar: a.jpg is in it twice',
    );
    expect(of(['a.jpg', 'x'], ['a.JPG', 'y'], ['a.cls', '1'])).toThrow('a has two members "jpg"');
    expect(of(['a.jpg', 'x'], ['a.cls', '\n'])).toThrow('x.tar: a.cls: "" is no label');
  });

  it('of members in any order: a.jpg, b.jpg, a.cls, b.cls are two samples', () => {
    const bytes = packed([
      ['a.jpg', 'A'],
      ['b.jpg', 'B'],
      ['a.cls', '1'],
      ['b.cls', '0'],
      ['._a.jpg', 'of macOS'],
    ]);
    expect(images(bytes)).toEqual([
      ['a.jpg', '1', 'A'],
      ['b.jpg', '0', 'B'],
    ]);
  });
});

/** A tar file by hand. */
function packed(files: readonly (readonly [name: string, contents: string])[]): Buffer {
  const blocks = files.map(([name, contents]) => {
    const header = Buffer.alloc(512);
    header.write(name);
    header.write(`${contents.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('        ', 148);
    header.write('0ustar\x0000', 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const body = Buffer.alloc(512);
    body.write(contents);
    return Buffer.concat([header, body]);
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
