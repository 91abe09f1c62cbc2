import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { relativePath } from '../../../src/data/index/image-index.js';
import { indexList, type ListOptions } from '../../../src/data/index/list-index.js';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'relaybp-rows-'));
  mkdirSync(join(root, 'sub'));
  for (const name of ['a.jpg', 'b.jpg', 'c,1.jpg', 'x']) writeFileSync(join(root, name), name);
  mkdirSync(join(root, 'val'));
  for (const name of ['v2.JPEG', 'v10.JPEG', 'v1.JPEG']) writeFileSync(join(root, 'val', name), '');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** `path label` of each image of a list of that name and text. */
function rows(name: string, text: string, options: Partial<ListOptions> = {}): string[] {
  const file = join(root, name);
  writeFileSync(file, text);
  const index = indexList(file, { root, ...options });
  return [...index.labels].map((label, i) => `${relativePath(index, i)} ${index.classes[label]}`);
}

describe('a table', () => {
  it('of two columns needs no more; quotes, commas, line ends of Windows, a byte order mark', () => {
    const text = '\ufeffimage,label\r\na.jpg,big dog\r\n"c,1.jpg","a ""cat"""\r\n\r\n';
    expect(rows('t.csv', text)).toEqual(['a.jpg big dog', 'c,1.jpg a "cat"']);
  });

  it.each([
    ['the image second', 'label,image\n1,a.jpg\n2,b.jpg\n'],
    ['without a header', 'a.jpg,1\nb.jpg,2\n'],
    ['semicolons', 'image;label\na.jpg;1\nb.jpg;2\n'],
    ['more columns with plain names', 'n,file,class\n7,a.jpg,1\n8,b.jpg,2\n'],
    ['without an extension', 'id,breed\na,1\nb,2\n'],
  ])('%s', (_, text) => {
    expect(rows('t.csv', text)).toEqual(['a.jpg 1', 'b.jpg 2']);
  });

  it('that is none: lines with blanks, as Places205 calls them .csv', () => {
    expect(rows('t.csv', 'b.jpg 0\r\na.jpg 1\n')).toEqual(['b.jpg 0', 'a.jpg 1']);
  });

  it('with tabs, and columns that are named', () => {
    const text = 'label\tkind\tfile\nx\tcat\ta.jpg\ny\tdog\tx\n';
    expect(rows('t.tsv', text, { columns: { image: 'file', label: 'kind' } })).toEqual([
      'a.jpg cat',
      'x dog',
    ]);
  });

  it('numbers sort as numbers', () => {
    const file = join(root, 'n.csv');
    writeFileSync(file, 'image,label\na.jpg,10\nb.jpg,9\n');
    expect(indexList(file, { root }).classes).toEqual(['9', '10']);
  });

  it('says which column or line is wrong', () => {
    const wide = 'a,b,c\n1,2,3\n';
    expect(() => rows('t.csv', wide)).toThrow(
      /t\.csv: has the columns a, b, c: which are the image/,
    );
    expect(() => rows('t.csv', 'file,kind,n\na.jpg,1,2\n', { columns: { label: 'kynd' } })).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(
          'has no column "kynd" (data.columns.label), but file, kind, n',
        ),
        hint: 'did you mean "kind"?',
      }),
    );
    expect(() => rows('t.csv', 'image,label\na.jpg,1\nb.jpg,\n')).toThrow(
      /line 3 is "b\.jpg,", without a label/,
    );
    expect(() => rows('t.csv', 'image,label\na.jpg,"1\n')).toThrow(/cannot be read as a table/);
    expect(() => rows('t.csv', 'image,label\nnone.jpg,1\n')).toThrow(/line 2, ".*none\.jpg"/);
  });
});

describe('a ground-truth file', () => {
  const val = (): string => join(root, 'val');

  it('is of the images of a folder, in the order of their names by code point', () => {
    expect(rows('truth.txt', '2\n1\n2\n', { root: val(), labels: 'names' })).toEqual([
      'v1.JPEG 2',
      'v10.JPEG 1',
      'v2.JPEG 2',
    ]);
  });

  it('is refused where its numbers are not explained, or do not fit the folder', () => {
    expect(() => rows('truth.txt', '2\n1\n2\n', { root: val() })).toThrow(
      /holds numbers alone, and what they mean is not known/,
    );
    expect(() => rows('truth.txt', '2\n1\n', { root: val(), labels: 'names' })).toThrow(
      /has 2 labels without paths.*directly in .*val are 3$/,
    );
    expect(() => rows('truth.txt', '2\n1\na.jpg 2\n', { root: val(), labels: 'names' })).toThrow(
      /line 3 is "a\.jpg 2", but the first one is a number alone/,
    );
  });
});

describe('annotations', () => {
  const categories = [
    { id: 7, name: 'dog' },
    { id: 3, name: 'cat' },
  ];
  const images = [
    { id: 1, file_name: 'b.jpg', width: 3 },
    { id: 2, file_name: 'a.jpg' },
  ];
  const of = (annotations: object[], more: object = {}): string =>
    JSON.stringify(
      { info: { a: '[{"'.repeat(3) }, annotations, images, categories, ...more },
      null,
      1,
    );
  const both = [
    { image_id: 2, category_id: 3 },
    { image_id: 1, category_id: 7 },
  ];

  it('give the images in their order; the classes are the categories by their numbers', () => {
    expect(rows('t.json', of(both))).toEqual(['b.jpg dog', 'a.jpg cat']);
    const file = join(root, 't.json');
    writeFileSync(file, of([both[0]!], { images: [images[1]] }));
    expect(indexList(file, { root }).classes).toEqual(['cat', 'dog']);
  });

  it.each([
    ['an image without one', of([both[0]!]), /the image 1 \(b\.jpg\) has no annotation/],
    [
      'two that differ',
      of([...both, { image_id: 1, category_id: 3 }]),
      /the image 1 has the categories 7 and 3/,
    ],
    [
      'an unknown category',
      of([both[0]!, { image_id: 1, category_id: 4 }]),
      /the category 4, which has no name/,
    ],
    [
      'two of one name',
      of(both, { categories: [...categories, { id: 9, name: 'cat' }] }),
      /two of its categories are called "cat"/,
    ],
    ['another form', of([{ image: 2 }]), /its annotations have another form \(number 0\)/],
    ['no categories', '{"a": 1}', /names no categories/],
    ['a list', '[1, 2]', /it is no JSON object/],
    ['a cut', of(both).slice(0, -30), /it is cut off/],
  ])('are refused: %s', (_, text, message) => {
    expect(() => rows('t.json', text)).toThrow(message);
  });
});
