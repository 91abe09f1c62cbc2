import { describe, expect, it } from 'vitest';
import type { LabelMeaning } from '../../../src/config/label-meaning.js';
import { readLabels } from '../../../src/data/index/list-labels.js';
import { inLabelOrder } from '../../../src/data/index/name-order.js';
import { DataError } from '../../../src/errors.js';

const read = (labels: string, classes?: string, declared?: LabelMeaning) => {
  const found = labels.split(' ').map((text, i) => ({ text, line: i + 1 }));
  return readLabels('val.txt', found, classes?.split(' '), declared);
};

function refused(labels: string, classes?: string, declared?: LabelMeaning) {
  try {
    read(labels, classes, declared);
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    const { message, hint } = error as DataError;
    return { message, hint };
  }
  throw new Error('the labels were accepted');
}

describe('the order of the classes of a list', () => {
  it.each([
    ['integers', '11 2 0 10 1', '0 1 2 10 11'],
    ['with leading zeros', '10 002 01 000', '000 01 002 10'],
    ['negative ones', '3 -1 0 -20', '-20 -1 0 3'],
    ['beyond 2^53', '9007199254740993 9007199254740992 10', '10 9007199254740992 9007199254740993'],
    ['names', 'b10 b9 a', 'a b10 b9'],
    ['names and integers', '10 9 a', '10 9 a'],
    ['what only looks like numbers', '1e2 3 20', '1e2 20 3'],
  ])('%s', (_, labels, order) => {
    expect(inLabelOrder(labels.split(' ')).join(' ')).toBe(order);
  });

  it('is that of the labels', () => {
    expect(read('10 2 0')).toEqual({
      classes: ['0', '2', '10'],
      labels: [2, 1, 0],
      meaning: 'names',
    });
  });

  it('a number written in two ways is refused', () => {
    expect(refused('2 1 02').message).toBe(
      'val.txt: line 3: the label "02" is the same number as the label "2" of line 1',
    );
    expect(read('2 02 a').classes).toEqual(['02', '2', 'a']);
  });
});

describe('all labels are names', () => {
  it('where each is a class, also if these are numbers', () => {
    expect(read('4 1 0', '0 1 2 4')).toMatchObject({ labels: [3, 1, 0], meaning: 'names' });
    expect(read('1 2', '1 10 2').labels).toEqual([0, 2]);
  });

  it('or refused: a number that no class has, though it is a position', () => {
    const { message, hint } = refused('0 1 2 3 4', '0 1 2 4');
    expect(message).toBe('val.txt: line 4: the label "3" is none of the 4 classes: 0, 1, 2, 4');
    expect(hint).toContain('if a class has no training image, say that labels count from 0');
    expect(refused('3', '0 1 2 4').hint).toContain('data.labels: positions, or --labels positions');
  });

  it('or refused: one number among the names of classes is enough to be in doubt', () => {
    expect(refused('0 1', 'cat dog 7').message).toContain('line 1: the label "0" is none');
    expect(refused('0 1', 'cat dog 7').hint).toContain('--labels positions');
  });

  it('or refused: names and positions', () => {
    expect(refused('cat 1 dog', 'cat dog emu').message).toBe(
      'val.txt: line 2: the label "1" is none of the 3 classes: cat, dog, emu; as "cat" in line 1 is one, all labels of this list are names',
    );
    expect(refused('1 cat', 'cat dog').message).toContain('line 1: the label "1"');
    expect(refused('0 cow', 'cat dog').message).toContain('line 2: the label "cow"');
  });

  it('of many classes some are named', () => {
    const many = Array.from({ length: 365 }, (_, i) => `c${i}`).join(' ');
    expect(refused('c365', many).message).toContain(
      'none of the 365 classes: c0, c1, c2, c3, c4, c5, c6, c7, … c364',
    );
  });
});

describe('all labels are positions', () => {
  it('where each is one and no class has a number for its name', () => {
    expect(read('2 0', 'cat dog emu')).toMatchObject({ labels: [2, 0], meaning: 'positions' });
  });

  it('labels from 1 are named as such', () => {
    const { message, hint } = refused('1 2 3', 'cat dog emu');
    expect(message).toContain(
      'line 3: the label "3" is none of the 3 classes: cat, dog, emu; and no',
    );
    expect(hint).toBe('positions count from 0: take 1 off every label');
    expect(refused('1 2 9', 'cat dog emu').hint).toContain('correct the line');
  });
});

describe('what the labels are said to be', () => {
  it('positions, also where classes are numbers', () => {
    expect(read('0 1 2', '1 10 2', 'positions').labels).toEqual([0, 1, 2]);
    const { message } = refused('0 3', '1 10 2', 'positions');
    expect(message).toBe(
      'val.txt: line 2: the label "3" is no position from 0 to 2, which all labels are said to be (labels: positions); 3 classes: 1, 10, 2',
    );
    expect(refused('0 cat', 'cat dog', 'positions').message).toContain('the label "cat" is no');
  });

  it('positions without a class list: as many classes as it takes', () => {
    expect(read('0 1 4', undefined, 'positions')).toEqual({
      classes: ['0', '1', '2', '3', '4'],
      labels: [0, 1, 4],
      meaning: 'positions',
    });
    expect(refused('0 x', undefined, 'positions').message).toContain('line 2: the label "x"');
  });

  it('names, never positions', () => {
    expect(read('dog', 'cat dog', 'names').labels).toEqual([1]);
    expect(refused('1 0', 'cat dog', 'names').message).toBe(
      'val.txt: line 1: the label "1" is none of the 2 classes: cat, dog; all labels are said to be names (labels: names)',
    );
  });
});
