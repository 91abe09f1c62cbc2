import { ConfigError } from '../errors.js';
import type { Yaml } from './merge.js';

/** Mappings and lists inside one another; a layer inside a branch inside a residual block lies at 14. */
const DEEPEST = 64;
/** Of what is only guessed from the text: twice as generous and more. */
const DEEPEST_TEXT = 200;

export function tooDeep(label: string): ConfigError {
  return new ConfigError(`${label}: nested too deeply; a config has at most ${DEEPEST} levels`);
}

/** @returns the same data. @throws ConfigError if it is nested too deeply for what follows, which is recursive */
export function checkDepth(data: Yaml, label: string, depth = 0): Yaml {
  if (depth > DEEPEST) throw tooDeep(label);
  if (typeof data === 'object' && data !== null) {
    for (const item of Object.values(data)) checkDepth(item, label, depth + 1);
  }
  return data;
}

/**
 * Refuses a text whose nesting the YAML parser would not survive: it goes down by recursion, and near the end of the
 * stack V8 may end the process. The depth is bounded without parsing: by open brackets, and by growing indentation
 * with the indicators (`- `, `? `, `: `) that lines begin with. Text in quotes counts as well.
 *
 * @throws ConfigError
 */
export function checkNesting(text: string, label: string): void {
  let open = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5b || code === 0x7b) open++;
    else if ((code === 0x5d || code === 0x7d) && open > 0) open--;
    if (open > DEEPEST_TEXT) throw tooDeep(label);
  }
  const indents: number[] = [];
  for (const [line] of text.matchAll(/[^\r\n]+/g)) {
    for (const column of blockColumns(line)) {
      while (indents.length > 0 && indents.at(-1)! >= column) indents.pop();
      if (indents.push(column) > DEEPEST_TEXT) throw tooDeep(label);
    }
  }
}

/** Where collections may begin in a line: after its indentation, and after each indicator or property it begins with. */
function* blockColumns(line: string): Generator<number> {
  const token = /[ \t]*(?:[-?:](?=[ \t]|$)|[&!*][^ \t]*)?/y;
  for (let column = 0; column < line.length; ) {
    token.lastIndex = column;
    const found = token.exec(line)![0];
    const indent = found.length - found.trimStart().length;
    if (column + indent < line.length) yield column + indent;
    if (found.trim() === '') return;
    column += found.length;
  }
}
