/** The rows of a list of lines, the form of Caffe's lists. */
import { DataError } from '../../errors.js';
import type { ListRow } from './list-row.js';

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const TAB = 9;

/**
 * `path label` lines, split without ever holding the file as one string. The label is the last field of a line, so
 * paths may contain spaces. In a line with a tab it is all after the last tab, so the label may contain spaces too.
 * Empty lines are ignored.
 *
 * @throws DataError naming the line that has no label
 */
export function* textRows(file: string, bytes: Buffer): Generator<ListRow> {
  const isBlank = (byte: number | undefined): boolean =>
    byte === SPACE || byte === TAB || byte === CARRIAGE_RETURN;
  let line = 0;
  for (let start = 0; start < bytes.length; ) {
    let stop = bytes.indexOf(NEWLINE, start);
    if (stop < 0) stop = bytes.length;
    line++;
    let end = stop;
    let begin = start;
    while (end > begin && isBlank(bytes[end - 1])) end--;
    while (begin < end && isBlank(bytes[begin])) begin++;
    start = stop + 1;
    if (begin === end) continue;
    const tab = bytes.subarray(begin, end).lastIndexOf(TAB);
    let field = tab < 0 ? end : begin + tab + 1;
    if (tab < 0) while (field > begin && !isBlank(bytes[field - 1])) field--;
    while (isBlank(bytes[field])) field++;
    let pathEnd = field;
    while (pathEnd > begin && isBlank(bytes[pathEnd - 1])) pathEnd--;
    const label = bytes.toString('utf8', field, end);
    if (pathEnd === begin) {
      throw new DataError(
        `${file}: line ${line} is ${JSON.stringify(label)}, without a path or without a label`,
        'write "path label", the label last',
      );
    }
    yield { line, path: bytes.subarray(begin, pathEnd), label };
  }
}
