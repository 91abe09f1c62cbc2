import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readClassNames } from '../../../src/data/index/class-names.js';
import { IndexBuilder } from '../../../src/data/index/image-index.js';
import { nameClasses } from '../../../src/data/index/name-classes.js';
import { DataError } from '../../../src/errors.js';
import { ROOT } from '../../support/consumer.js';

const folder = mkdtempSync(join(tmpdir(), 'relaybp-names-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string, name = 'names.txt') {
  const file = join(folder, name);
  writeFileSync(file, text);
  return readClassNames(file);
}
/** `id key name` of each class. */
const rows = (text: string, name?: string) =>
  read(text, name).entries.map(({ id, key, name }) => [id, key, name]);

describe('a file of class names', () => {
  it('of Places365: name and number, from 0; the slash in front is no part of the name', () => {
    expect(rows('/a/airfield 0\n/a/apartment_building/outdoor 1\n')).toEqual([
      [0, undefined, 'a/airfield'],
      [1, undefined, 'a/apartment_building/outdoor'],
    ]);
  });

  it('one name a line, with spaces, blank lines, a byte order mark and the ends of lines of Windows', () => {
    expect(rows('\ufeffacoustic guitar\r\n\r\ndog\r\n')).toEqual([
      [0, undefined, 'acoustic guitar'],
      [1, undefined, 'dog'],
    ]);
  });

  it('whose name is a slash alone is refused', () => {
    expect(() => read('/a/airfield 0\n/ 1\n')).toThrow('the class 1 has no name');
  });

  it('names that end in a number are names unless the numbers count', () => {
    expect(rows('Boeing 737\nBoeing 747\n')).toEqual([
      [0, undefined, 'Boeing 737'],
      [1, undefined, 'Boeing 747'],
    ]);
  });

  it('number and name, in any order of lines, as CUB-200 has them', () => {
    expect(rows('2 002.Laysan_Albatross\n1 001.Black_footed_Albatross\n')).toEqual([
      [1, undefined, '001.Black_footed_Albatross'],
      [2, undefined, '002.Laysan_Albatross'],
    ]);
  });

  it('synset and words; two classes of one name get their synsets', () => {
    const text = 'n01440764 tench, Tinca tinca\nn02012849 crane\nn03126707 crane\n';
    expect(rows(text)).toEqual([
      [0, 'n01440764', 'tench, Tinca tinca'],
      [1, 'n02012849', 'crane (n02012849)'],
      [2, 'n03126707', 'crane (n03126707)'],
    ]);
  });

  it('synset, number and name, as map_clsloc.txt of ILSVRC has them', () => {
    expect(rows('n02119789 1 kit_fox\nn02100735 2 English_setter\n')).toEqual([
      [1, 'n02119789', 'kit_fox'],
      [2, 'n02100735', 'English_setter'],
    ]);
  });

  it('folder, tab and name', () => {
    expect(rows('cls a\tcat\ncls b\tbig dog\n')).toEqual([
      [0, 'cls a', 'cat'],
      [1, 'cls b', 'big dog'],
    ]);
  });

  it.each([
    ['a list', '["cat","dog"]', undefined],
    ['names of numbers', '{"1":"dog","0":"cat"}', undefined],
    ['numbers of names', '{"dog":1,"cat":0}', undefined],
    [
      'categories',
      '{"categories":[{"id":0,"name":"cat","supercategory":"animal"},{"id":1,"name":"dog"}]}',
      undefined,
    ],
    ['names of folders', '{"n1":"cat","n2":"dog"}', ['n1', 'n2']],
    ['as Keras', '{"0":["n1","cat"],"1":["n2","dog"]}', ['n1', 'n2']],
  ])('JSON: %s', (_, text, keys) => {
    expect(rows(text, 'names.json')).toEqual([
      [0, keys?.[0], 'cat'],
      [1, keys?.[1], 'dog'],
    ]);
  });

  it.each(['meta', 'meta-plain'])("of ILSVRC's devkit, as SciPy wrote %s.mat", (name) => {
    const { entries } = readClassNames(join(ROOT, `test/fixtures/ilsvrc/${name}.mat`));
    expect(entries).toEqual([
      { id: 1, key: 'n02119789', name: 'kit fox, Vulpes macrotis' },
      { id: 2, key: 'n02100735', name: 'English setter' },
      { id: 3, key: 'n03126707', name: 'crane (n03126707)' },
      { id: 4, key: 'n02012849', name: 'crane (n02012849)' },
    ]);
  });

  it('a devkit that is damaged, cut off or another file is refused in words', () => {
    const whole = readFileSync(join(ROOT, 'test/fixtures/ilsvrc/meta-plain.mat'));
    const file = join(folder, 'meta.mat');
    for (const bytes of [whole.subarray(0, 100), whole.subarray(0, 3000), Buffer.from('cat\n')]) {
      writeFileSync(file, bytes);
      expect(() => readClassNames(file)).toThrow(
        /meta\.mat: (cannot be read: it is|has no synsets)/,
      );
    }
    for (let at = 128; at < whole.length; at += 7) {
      const damaged = Buffer.from(whole);
      damaged[at] = 255 - damaged[at]!;
      writeFileSync(file, damaged);
      try {
        readClassNames(file);
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
      }
    }
  });

  it('is refused where it is missing, empty, no JSON, of another form, or names two alike', () => {
    expect(() => readClassNames(join(folder, 'no.txt'))).toThrow(/no\.txt: no such file/);
    expect(() => read('\n')).toThrow(/names no class/);
    expect(() => read('cat\ndog\ncat\n')).toThrow(/the name "cat" is there twice/);
    expect(() => read('{"a": {"b": 1}}', 'names.json')).toThrow(/none of the forms/);
    expect(() => read('cat', 'names.json')).toThrow(/is no JSON/);
  });
});

describe('naming the classes of an index', () => {
  const PLACES = read('/a/airfield 0\n/b/bathroom 1\n/b/bookstore 2\n');
  const index = (classes: string[], labels: number[]) => {
    const builder = new IndexBuilder();
    for (const [i, label] of labels.entries()) builder.add(Buffer.from(`${i}.jpg`), label, 1);
    return builder.build('/images', classes);
  };
  const of = (classes: string[], labels: number[], options: object = {}) => {
    const all = { source: 'train.txt', folders: false, ...options };
    const named = nameClasses(index(classes, labels), PLACES, all);
    return [named.classes, [...named.labels].map((label) => named.classes[label])];
  };
  const ALL = ['a/airfield', 'b/bathroom', 'b/bookstore'];

  it('numbers of a list: all classes of the file, by their numbers, also those without images', () => {
    expect(of(['0', '2'], [1, 0])).toEqual([ALL, ['b/bookstore', 'a/airfield']]);
  });

  it('names of a list, and folders: the classes that there are', () => {
    expect(of(['b/bookstore', 'a/airfield'], [0, 1])).toEqual([
      ['b/bookstore', 'a/airfield'],
      ['b/bookstore', 'a/airfield'],
    ]);
    expect(of(['1', '2'], [0, 1], { folders: true })).toEqual([
      ['b/bathroom', 'b/bookstore'],
      ['b/bathroom', 'b/bookstore'],
    ]);
  });

  it('by the classes that were trained, in their order', () => {
    const classes = ['b/bookstore', 'b/bathroom', 'a/airfield'];
    expect(of(['0', '1'], [0, 1], { classes })).toEqual([classes, ['a/airfield', 'b/bathroom']]);
  });

  it('a label that the file does not have is refused with both', () => {
    expect(() => of(['0', '3'], [0, 1])).toThrow(
      /^train\.txt: the label "3" is no number of the 3 classes in .*names\.txt: 0, 1, 2$/,
    );
    expect(() => of(['a/airfield', 'b/zoo'], [0, 1], { folders: true })).toThrow(
      /the class folder "b\/zoo" is no name of the 3 classes/,
    );
  });

  it('labels that are said to be names are not numbers', () => {
    expect(() => of(['0', '1'], [0, 1], { labels: 'names' })).toThrow(/"0" is no /);
    expect(of(['0', '1'], [0, 1], { labels: 'positions' })[0]).toEqual(ALL);
  });

  it('a class that was not trained is refused', () => {
    expect(() => of(['0', '1'], [0, 1], { classes: ['a/airfield', 'b/bookstore'] })).toThrow(
      /has the class "b\/bathroom", which the model was not trained on; it knows 2 classes/,
    );
  });
});
