import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  escapeSteering,
  fromVisible,
  isVisible,
  visible,
  visibleInColor,
  visibleJson,
} from '../src/visible.js';

describe('what is shown', () => {
  it.each([
    ['plain Äpfel 苹果 🍎 👩‍🔬 \\x1b', 'plain Äpfel 苹果 🍎 👩‍🔬 \\x1b'],
    ['\u001b[31mred\u001b]0;title\u0007', '\\x1b[31mred\\x1b]0;title\\x07'],
    ['a\r\nb\tc\u0000', 'a\\x0d\\x0ab\\x09c\\x00'],
    ['\u007f \u009b31m \u0085', '\\x7f \\xc2\\x9b31m \\xc2\\x85'],
    [
      '\u2028\u2029 \u202egpj.exe\u202c \u2067',
      '\\xe2\\x80\\xa8\\xe2\\x80\\xa9 \\xe2\\x80\\xaegpj.exe\\xe2\\x80\\xac \\xe2\\x81\\xa7',
    ],
  ])('%j as %s', (text, shown) => {
    expect(visible(text)).toBe(shown);
    expect(isVisible(text)).toBe(text === shown);
    if (!isVisible(text)) expect(fromVisible(shown)).toBe(text);
  });

  it('is undone exactly, for every character', () => {
    for (let code = 0; code < 0x2100; code++) {
      const text = `a${String.fromCharCode(code)}b\\x80`;
      expect(fromVisible(visible(text))).toBe(text);
    }
  });

  it('keeps colours only where they are asked for, and nothing else', () => {
    const line = '\u001b[36mconv\u001b[39m \u001b[2J\u001b[1;31m\n';
    expect(visibleInColor(line)).toBe('\u001b[36mconv\u001b[39m \\x1b[2J\\x1b[1;31m\\x0a');
  });

  it('JSON and YAML read again are the same, and hold no control but line ends', () => {
    const all = Array.from({ length: 0x2100 }, (_, i) => String.fromCharCode(i)).join('');
    const value = { [all]: [all, 1, null], b: { c: `${all}"\\` } };
    for (const text of [visibleJson(value), visibleJson(value, 1)]) {
      expect(JSON.parse(text)).toEqual(value);
      expect(isVisible(text.replaceAll('\n', ''))).toBe(true);
    }
    expect(parse(escapeSteering(JSON.stringify(all)))).toBe(all);
  });
});
