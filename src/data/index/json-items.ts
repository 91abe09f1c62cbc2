/** Goes through the arrays of a JSON file one item at a time: files of annotations are larger than a string may be. */

const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN, CLOSE] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * The items of the array that an object, which is all of the file, has under a key; none where it has no such array.
 *
 * @throws Error in a few words if that is no JSON
 */
export function* jsonItems(bytes: Buffer, key: string): Generator<unknown> {
  let at = expect(bytes, blanks(bytes, 0), OPEN);
  while (bytes[at] === QUOTE) {
    const end = valueEnd(bytes, at);
    const name: unknown = JSON.parse(bytes.toString('utf8', at, end));
    const value = expect(bytes, blanks(bytes, end), COLON);
    if (name === key && bytes[value] === OPEN_ARRAY) {
      yield* items(bytes, value);
      return;
    }
    at = blanks(bytes, valueEnd(bytes, value));
    if (bytes[at] === COMMA) at = blanks(bytes, at + 1);
  }
}

function* items(bytes: Buffer, array: number): Generator<unknown> {
  let at = blanks(bytes, array + 1);
  while (at < bytes.length && bytes[at] !== CLOSE_ARRAY) {
    const end = valueEnd(bytes, at);
    yield JSON.parse(bytes.toString('utf8', at, end));
    at = blanks(bytes, end);
    if (bytes[at] === COMMA) at = blanks(bytes, at + 1);
  }
}

/** Where the value ends that begins at `start`. */
function valueEnd(bytes: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) {
      at = stringEnd(bytes, at) - 1;
      if (depth === 0) return at + 1;
    } else if (byte === OPEN || byte === OPEN_ARRAY) depth++;
    else if (byte === CLOSE || byte === CLOSE_ARRAY) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && byte === COMMA) return at;
  }
  throw new Error('it is cut off');
}

function stringEnd(bytes: Buffer, quote: number): number {
  for (let at = quote + 1; at < bytes.length; at++) {
    if (bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) return at + 1;
  }
  throw new Error('it is cut off');
}

function blanks(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at]! <= 0x20) at++;
  return at;
}

/** Behind that byte and the blanks that follow it. */
function expect(bytes: Buffer, at: number, wanted: number): number {
  if (bytes[at] !== wanted) throw new Error('it is no JSON object');
  return blanks(bytes, at + 1);
}
