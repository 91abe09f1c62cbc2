/** The commands in Markdown files: code blocks with shell lines, and the marks before them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromMarkdown } from 'mdast-util-from-markdown';

const SHELL = new Set(['sh', 'bash', 'shell', 'console']);
/** Lines of plain code blocks that are commands, with or without a prompt; the others are output. */
const PROGRAM = /^(?:[A-Z_]+=\S+ +)*(?:relaybp|npm|npx|node|python3?|pip|\.ci\/run)\s/;
const NOT_RUN = /^<!--\s*not run:\s*(.*?)\s*-->$/s;
const FAILS = /^<!--\s*fails:\s*(\d+)\s*-->$/;
const NEEDS = /^<!--\s*needs:\s*(.*?)\s*-->$/s;

/** The documents whose commands count: README.md, CONTRIBUTING.md and docs/*.md. */
export function documents(root) {
  const docs = readdirSync(join(root, 'docs')).filter((file) => file.endsWith('.md'));
  return ['README.md', 'CONTRIBUTING.md', ...docs.sort().map((file) => `docs/${file}`)];
}

/**
 * The commands of a document, in their order.
 *
 * @returns `{line, command, output, notRun, needs, fails}`: the line in the file; the lines below a command with a
 *   prompt; the reason of a `<!-- not run: … -->` before the block, what a `<!-- needs: … -->` names, and the exit code
 *   of a `<!-- fails: … -->`, else null
 */
export function commandsIn(markdown) {
  const found = [];
  const visit = (node) => {
    const children = node.children ?? [];
    children.forEach((child, i) => {
      if (child.type === 'code') found.push(...commandsOf(child, marksBefore(children, i)));
      else visit(child);
    });
  };
  visit(fromMarkdown(markdown));
  return found;
}

function marksBefore(children, i) {
  const marks = { notRun: null, needs: null, fails: null };
  for (let at = i - 1; at >= 0 && children[at].type === 'html'; at--) {
    for (const comment of children[at].value.split(/(?<=-->)\s*/)) {
      marks.notRun ??= NOT_RUN.exec(comment)?.[1] ?? null;
      marks.needs ??= NEEDS.exec(comment)?.[1] ?? null;
      const code = FAILS.exec(comment)?.[1];
      if (code !== undefined) marks.fails = Number(code);
    }
  }
  return marks;
}

function commandsOf({ lang, value, position }, marks) {
  const lines = value.split('\n');
  const fenced = lang !== null && lang !== undefined;
  const prompts = lines.some((line) => line.startsWith('$ '));
  if (fenced && !SHELL.has(lang)) return [];
  const first = position.start.line + (fenced || isFence(position, value) ? 1 : 0);
  const found = [];
  for (let i = 0; i < lines.length; i++) {
    const at = i;
    let text = lines[i];
    while (text.endsWith('\\') && i + 1 < lines.length) text = `${text}\n${lines[++i]}`;
    const command = commandIn(text, fenced && !prompts);
    if (command) found.push({ line: first + at, command, output: [], ...marks });
    else if (text.trim() !== '') found.at(-1)?.output.push(text);
  }
  return found;
}

/** A fenced block without a language: its fences take two lines. */
const isFence = ({ start, end }, value) =>
  end.line - start.line + 1 === value.split('\n').length + 2;

function commandIn(text, everyLine) {
  if (text.startsWith('$ ')) return text.slice(2);
  if (text.trim() === '' || text.startsWith('#')) return null;
  return everyLine || PROGRAM.test(`${text} `) ? text : null;
}

/** All commands that are not run, as lines for a person: file, line, command, reason. */
export function notRun(root) {
  return documents(root).flatMap((file) =>
    commandsIn(readFileSync(join(root, file), 'utf8'))
      .filter((each) => each.notRun !== null)
      .map((each) => `${file}:${each.line}: ${each.command}\n    ${each.notRun}`),
  );
}
