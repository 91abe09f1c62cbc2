import { aligned } from '../terminal/aligned.js';
import type { StudyTable } from './table-schema.js';
import { headline, sectionsOf } from './table-sections.js';

/** The table for a terminal. @param columns the width that it is to fit */
export function tableText(table: StudyTable, columns: number): string[] {
  return [
    ...wrapped(headline(table), columns),
    ...sectionsOf(table).flatMap(({ title, head, rows }) => [
      '',
      ...wrapped(title, columns),
      ...aligned([head, ...rows], columns),
    ]),
    ...(table.notes.length > 0 ? ['', 'to know'] : []),
    ...table.notes.flatMap((note) => wrapped(`- ${note}`, columns, '  ')),
  ];
}

/** The table as Markdown. */
export function tableMarkdown(table: StudyTable): string {
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const lines = sectionsOf(table).flatMap(({ title, head, rows }) => [
    '',
    `**${title}**`,
    '',
    row(head),
    row(head.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...rows.map(row),
  ]);
  const notes = table.notes.map((note) => `- ${note}`);
  return `${[headline(table), ...lines, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')}\n`;
}

/** Text in lines of whole words. @param indent of the lines after the first */
function wrapped(text: string, columns: number, indent = ''): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length > columns) lines.push(indent + word);
    else lines[Math.max(0, lines.length - 1)] = longer;
  }
  return lines;
}
