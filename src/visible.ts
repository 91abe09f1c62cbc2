/**
 * Names, values and messages as they may be shown on a terminal, whoever made them. What would steer the terminal,
 * end a line, or turn round what follows is shown byte for byte as `\xNN`, as are names of files that are not UTF-8.
 */

/** Controls (C0, DEL, C1), the line ends of Unicode, and what overrides the direction of the text that follows. */
const STEERING = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
/** A colour or a weight of type, as this program writes them itself. */
const STYLE = new RegExp(`(${String.fromCharCode(0x1b)}\\[\\d+m)`);

export function visible(text: string): string {
  return text.replace(STEERING, (character) =>
    [...Buffer.from(character)].map((byte) => `\\x${hex(byte, 2)}`).join(''),
  );
}

/** The UTF-8 bytes of those characters, as they are shown. */
const SHOWN =
  /\\x(?:[01][0-9a-f]|7f)|\\xc2\\x[89][0-9a-f]|\\xe2\\x80\\xa[89a-e]|\\xe2\\x81\\xa[6-9]/g;

/** The text that is shown so; where it held such a `\xNN` itself, that is not told apart. */
export const fromVisible = (shown: string): string =>
  shown.replace(SHOWN, (bytes) => Buffer.from(bytes.replaceAll('\\x', ''), 'hex').toString('utf8'));

/** As `visible`, but colours are kept: for lines that hold nothing from outside. */
export const visibleInColor = (line: string): string =>
  line
    .split(STYLE)
    .map((part, i) => (i % 2 === 0 ? visible(part) : part))
    .join('');

/** A value as JSON whose text steers no terminal either; read again, it is the same value. */
export const visibleJson = (value: unknown, indent?: number): string =>
  escapeSteering(JSON.stringify(value, null, indent));

/**
 * Text in double quotes of JSON or YAML, with `\uNNNN` in the place of each character that steers a terminal. Line
 * ends stay: there they are the format's own, as one inside a text is escaped already.
 */
export const escapeSteering = (quoted: string): string =>
  quoted.replace(STEERING, (character) =>
    character === '\n' ? character : `\\u${hex(character.charCodeAt(0), 4)}`,
  );

export const isVisible = (text: string): boolean => text.search(STEERING) < 0;

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
